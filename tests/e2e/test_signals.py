"""Signals that come while a daemon starts: none ends it undrained, none is lost."""

from __future__ import annotations

import signal
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.e2e.conftest import Daemon, DaemonFactory


def heeds(daemon: Daemon, number: signal.Signals) -> bool:
    """Whether the process has a handler of its own for this signal."""
    assert daemon.program.process is not None
    status = Path(f"/proc/{daemon.program.process.pid}/status").read_text()
    caught = next(line for line in status.splitlines() if line.startswith("SigCgt:"))
    return bool(int(caught.split()[1], 16) & 1 << (number - 1))


def start_barely(daemon: Daemon) -> None:
    """Start it, and wait only until it would hear of a signal: it imports for long after that."""
    daemon.program.start()
    daemon.wait(lambda: heeds(daemon, signal.SIGHUP), "the first handler")
    assert not daemon.log


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_stop_in_the_first_moments_drains(
    daemon_factory: DaemonFactory, number: signal.Signals
) -> None:
    daemon = daemon_factory(1)  # nobody listens there, which a drain does not wait for
    start_barely(daemon)
    assert daemon.program.end(number) == 0
    assert [line["signal"] for line in daemon.events("daemon_stopping")] == [number.name]
    assert daemon.events("daemon_stopped")


def test_a_reload_in_the_first_moments_is_done_as_soon_as_it_can_be(
    daemon_factory: DaemonFactory,
) -> None:
    daemon = daemon_factory(1)
    start_barely(daemon)
    assert daemon.program.process is not None
    daemon.program.process.send_signal(signal.SIGHUP)
    (line,) = daemon.wait(lambda: daemon.events("config_reloaded") or None, "the reload")
    assert (line["who"], line["changes"]) == ("SIGHUP", "nothing")
    daemon.terminate()


def test_a_second_stop_in_the_first_moments_ends_it_as_it_stands(
    daemon_factory: DaemonFactory,
) -> None:
    daemon = daemon_factory(1)
    start_barely(daemon)
    assert daemon.program.process is not None
    daemon.program.process.send_signal(signal.SIGTERM)
    assert daemon.program.end(signal.SIGINT) == 1
    assert "Traceback" not in daemon.log
