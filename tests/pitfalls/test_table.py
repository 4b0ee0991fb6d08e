"""No pitfall is without a test."""

from __future__ import annotations

import re
from pathlib import Path

from tests.pitfalls.titles import TITLES

_TEST = re.compile(r"^(?:async )?def test_p(\d\d)_", re.MULTILINE)


def test_every_pitfall_is_shown_by_a_test() -> None:
    tests = Path(__file__).parents[1]
    shown = {
        int(number)
        for path in tests.rglob("test_*.py")
        for number in _TEST.findall(path.read_text())
    }
    missing = [f"P{number:02d} {title}" for number, title in TITLES.items() if number not in shown]
    assert missing == []
    assert shown == set(TITLES) == set(range(1, 93))
