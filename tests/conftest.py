"""The table of pitfalls at the end of a report: which of them is shown by which tests."""

from __future__ import annotations

import re
from collections import defaultdict

import pytest

from tests.pitfalls.titles import TITLES

_NAME = re.compile(r"::test_p(\d\d)_")


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """The table of pitfalls, of the tests that ran."""
    shown: dict[int, dict[str, set[str]]] = defaultdict(lambda: defaultdict(set))
    for outcome in ("passed", "failed", "error", "skipped"):
        for report in terminalreporter.stats.get(outcome, ()):
            if found := _NAME.search(report.nodeid):
                test = report.nodeid.partition("[")[0].removeprefix("tests/")
                shown[int(found[1])][test].add(outcome)
    if not shown:
        return
    terminalreporter.section("pitfalls")
    for number in sorted(shown):
        title = TITLES.get(number, "?")
        outcomes = set().union(*shown[number].values())
        word = "passed" if outcomes == {"passed"} else ", ".join(sorted(outcomes - {"passed"}))
        terminalreporter.line(f"P{number:02d} {title}: {word}")
        for test, said in shown[number].items():
            mark = "" if said == {"passed"} else f"  {', '.join(sorted(said)).upper()}"
            terminalreporter.line(f"      {test}{mark}")
