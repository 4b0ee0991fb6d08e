"""What processes that tests start are given; a CA for tests of TLS; the table of pitfalls at the end
of a report, with the tests of each."""

from __future__ import annotations

import os
import re
import shutil
import signal
import tempfile
from collections import defaultdict
from typing import TYPE_CHECKING

import pytest

from tests.pitfalls.titles import TITLES

if TYPE_CHECKING:
    from tests.certificates import Authority

_NAME = re.compile(r"::test_p(\d\d)_")


_PYCACHE = pytest.StashKey[str]()


def pytest_configure(config: pytest.Config) -> None:
    """Let the commands that tests start be interrupted: where a shell runs the tests in its
    background, SIGINT is ignored, and processes inherit that. And let them compile smppd once for
    all, where Python is told to keep no bytecode: that is a third of what a short one costs."""
    if os.environ.pop("PYTHONDONTWRITEBYTECODE", ""):
        config.stash[_PYCACHE] = folder = tempfile.mkdtemp(prefix="smppd-pycache-")
        os.environ["PYTHONPYCACHEPREFIX"] = folder
    if signal.getsignal(signal.SIGINT) == signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_unconfigure(config: pytest.Config) -> None:
    """Leave none of that behind."""
    if _PYCACHE in config.stash:
        shutil.rmtree(config.stash[_PYCACHE], ignore_errors=True)


@pytest.fixture(scope="session")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    """A CA of this run's own."""
    pytest.importorskip("trustme")
    from tests.certificates import Authority  # noqa: PLC0415 - needs trustme

    return Authority(tmp_path_factory.mktemp("tls") / "ca")


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
