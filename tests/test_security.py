"""SECURITY.md tells the truth: every test that it names is there, and every threat names one."""

from __future__ import annotations

import ast
import re
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PAGE = (ROOT / "SECURITY.md").read_text()
NAMED = re.compile(r"`(tests/[\w/]+\.py)::(test_\w+)`")
THREATS = [
    line
    for line in PAGE.splitlines()
    if line.startswith("| ") and not line.startswith(("| threat ", "|---"))
]


@cache
def _tests_of(file: str) -> frozenset[str]:
    tree = ast.parse((ROOT / file).read_text())
    functions = (ast.FunctionDef, ast.AsyncFunctionDef)
    return frozenset(each.name for each in ast.walk(tree) if isinstance(each, functions))


@pytest.mark.parametrize(("file", "name"), sorted(set(NAMED.findall(PAGE))))
def test_a_test_that_is_named_is_there(file: str, name: str) -> None:
    assert (ROOT / file).is_file(), f"there is no {file}"
    assert name in _tests_of(file), f"{file} has no {name}: name the test that shows it now"


@pytest.mark.parametrize("row", THREATS)
def test_each_threat_says_what_protects_and_which_test_shows_it(row: str) -> None:
    cells = [cell.strip() for cell in row.strip("|").split(" | ")]
    assert len(cells) == 3
    assert all(cells)
    assert NAMED.search(cells[2]), "without a test it is a hope"
    assert not NAMED.sub("", cells[2]).replace(",", "").strip()


def test_everybody_that_may_do_harm_has_a_part() -> None:
    parts = re.findall(r"^## (.*)$", PAGE, re.MULTILINE)
    for who in (
        "local user",
        "member of the group",
        "handset",
        "SMSC",
        "webhook",
        "backup",
        "comes with",
    ):
        assert any(who in part for part in parts), who


def test_each_run_asks_for_known_holes() -> None:
    assert "\n.ci/audit\n" in (ROOT / ".ci" / "run").read_text()
    audit = (ROOT / ".ci" / "audit").read_text()
    assert "pip-audit" in audit
    assert "sys.exit(bool(holes))" in audit
