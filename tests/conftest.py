"""What processes that tests start are given; a CA for tests of TLS; the table of pitfalls at the end
of a report, with the tests of each."""

from __future__ import annotations

import os
import re
import shutil
import signal
import tempfile
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.pitfalls.titles import TITLES

if TYPE_CHECKING:
    from tests.certificates import Authority

_NAME = re.compile(r"::test_p(\d\d)_")


#: Files in memory, and the octets that must be free there.
_MEMORY, _ROOM = Path("/dev/shm"), 2 << 30
_PYCACHE = pytest.StashKey[str]()


def pytest_configure(config: pytest.Config) -> None:
    """Set up what tests, and the processes that they start, find around them.

    These compile smppd once for all, also where Python is told to keep no bytecode: that is a
    third of what a short one costs. `tmp_path` is in memory, since most of what a journal does on
    a disk is to wait for it; those of tests/e2e are on a disk. And where a shell runs the tests in
    its background, SIGINT is ignored, which processes inherit; here they can be interrupted.
    """
    if os.environ.pop("PYTHONDONTWRITEBYTECODE", ""):
        config.stash[_PYCACHE] = folder = tempfile.mkdtemp(prefix="smppd-pycache-")
        os.environ["PYTHONPYCACHEPREFIX"] = folder
    if os.access(_MEMORY, os.W_OK) and shutil.disk_usage(_MEMORY).free >= _ROOM:
        os.environ.setdefault("PYTEST_DEBUG_TEMPROOT", str(_MEMORY))
    if signal.getsignal(signal.SIGINT) == signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    if "PYTEST_XDIST_WORKER" in os.environ:
        _let_examples_take_their_time()


def _let_examples_take_their_time() -> None:
    """How long an example takes says nothing where more processes than cores share the tests."""
    from hypothesis import settings  # noqa: PLC0415 - only where its tests run anyway

    settings.register_profile("shared", deadline=None)
    settings.load_profile("shared")


@pytest.fixture(autouse=True)
def umask() -> Iterator[None]:
    """What a command that runs in the process of the tests sets as its umask is no other test's."""
    before = os.umask(0o022)
    os.umask(before)
    yield
    os.umask(before)


def pytest_unconfigure(config: pytest.Config) -> None:
    """Leave none of that behind."""
    if _PYCACHE in config.stash:
        shutil.rmtree(config.stash[_PYCACHE], ignore_errors=True)


def pytest_make_parametrize_id(val: object, argname: str) -> str | None:
    """Name what is gzipped after its argument: its octets tell the second in which it was, and
    the processes that share the tests must all find the same ones."""
    return argname if isinstance(val, bytes) and val.startswith(b"\x1f\x8b") else None


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
