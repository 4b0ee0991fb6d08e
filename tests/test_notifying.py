"""What reaches a service manager's socket, and that a machine without one hears nothing."""

from __future__ import annotations

import os
import secrets
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from smppd.notifying import Notifier, more_time


@pytest.fixture(params=["a file", "abstract"])
def manager(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[tuple[socket.socket, str]]:
    """The manager's socket, and its address as the environment tells it."""
    abstract = request.param == "abstract"
    address = f"@smppd-{secrets.token_hex(8)}" if abstract else str(tmp_path / "notify")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listening:
        listening.bind(f"\0{address[1:]}" if abstract else address)
        listening.settimeout(5)
        yield listening, address


def test_states_and_status_go_in_one_datagram(manager: tuple[socket.socket, str]) -> None:
    listening, address = manager
    notifier = Notifier(address)
    assert notifier.listens
    assert notifier.tell("READY=1", more_time(1.5), status="two\nlines, one " + "x" * 2000)
    lines = listening.recv(65536).decode().split("\n")
    assert lines[:2] == ["READY=1", "EXTEND_TIMEOUT_USEC=1500000"]
    assert lines[2].startswith("STATUS=two lines, one xxx")
    assert len(lines[2]) < 700
    assert len(lines) == 3
    notifier.close()
    assert not notifier.listens


def test_the_environment_is_ours_alone(manager: tuple[socket.socket, str]) -> None:
    _, address = manager
    told = {"NOTIFY_SOCKET": address, "WATCHDOG_USEC": "30000000", "WATCHDOG_PID": str(os.getpid())}
    environ = {"PATH": "/bin", **told}
    notifier = Notifier.from_environment(environ)
    assert notifier.watchdog == 30.0
    assert environ == {"PATH": "/bin"}  # whatever is started from here cannot speak for us
    notifier.close()


@pytest.mark.parametrize(("usec", "pid"), [("30000000", "1"), ("0", ""), ("", ""), ("often", "")])
def test_a_watchdog_that_is_not_for_us(
    usec: str, pid: str, manager: tuple[socket.socket, str]
) -> None:
    environ = {"NOTIFY_SOCKET": manager[1], "WATCHDOG_USEC": usec, "WATCHDOG_PID": pid}
    notifier = Notifier.from_environment(environ)
    assert notifier.watchdog is None
    notifier.close()


def test_nobody_listens() -> None:
    notifier = Notifier.from_environment({"WATCHDOG_USEC": "30000000"})
    assert not notifier.listens
    assert notifier.watchdog is None
    assert notifier.tell("READY=1")


def test_a_manager_that_has_gone_or_takes_no_more_stops_nobody(
    manager: tuple[socket.socket, str], tmp_path: Path
) -> None:
    gone = Notifier(str(tmp_path / "gone"))
    assert not gone.tell("READY=1")
    gone.close()
    notifier = Notifier(manager[1])
    told = [notifier.tell("WATCHDOG=1") for _ in range(10_000)]  # more than a socket holds
    assert told[0]
    assert not told[-1]
    notifier.close()
