"""`smppd top` on a terminal of its own, a real one: what it shows, and that it gives it back."""

from __future__ import annotations

import fcntl
import functools
import os
import pty
import re
import select
import signal
import struct
import subprocess
import sys
import tempfile
import termios
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import trio

from smppd.cli.screen import Screen
from smppd.control import serve_control
from tests.vitals.figures import daemon, link

PATIENCE = 30.0
CONFIG = """
[link.main]
host = "127.0.0.1"
system_id = "acme"
password_env = "SMPPD_TEST_PASSWORD"

[observe]
control = "control.sock"
"""
ENTER, LEAVE = b"\x1b[?1049h", b"\x1b[?1049l"


@pytest.fixture
def config() -> Iterator[Path]:
    """A configuration whose daemon answers: nothing of it is real but the socket."""
    up, looks = threading.Event(), list[float]()

    async def status(_: dict[str, Any]) -> object:
        await trio.lowlevel.checkpoint()
        looks.append(time.time())
        return daemon(link(submitted=50 * len(looks)), link("other"), now=time.time())

    async def live(path: Path, scope: trio.CancelScope) -> None:
        with scope:
            async with trio.open_nursery() as nursery:
                await nursery.start(functools.partial(serve_control, path, {"status": status}))
                tokens.append(trio.lowlevel.current_trio_token())
                up.set()

    tokens: list[trio.lowlevel.TrioToken] = []
    with tempfile.TemporaryDirectory(prefix="smppd-", dir="/tmp") as folder:
        file, scope = Path(folder) / "smppd.toml", trio.CancelScope()
        file.write_text(CONFIG)
        thread = threading.Thread(
            target=trio.run, args=(live, Path(folder) / "control.sock", scope)
        )
        thread.start()
        assert up.wait(PATIENCE)
        yield file
        tokens[0].run_sync_soon(scope.cancel)
        thread.join(PATIENCE)


class Person:
    """Somebody before a terminal on which `smppd top` runs."""

    def __init__(self, config: Path, **environ: str) -> None:
        self.seen = b""
        self._side, self._other = pty.openpty()
        self.resize(80, 24)
        self.before = termios.tcgetattr(self._other)
        self.process = subprocess.Popen(
            [sys.executable, "-m", "smppd", "top", "--config", str(config)],
            stdin=self._other,
            stdout=self._other,
            stderr=self._other,
            env=os.environ | {"TERM": "xterm"} | environ,
            start_new_session=True,
            preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0),  # noqa: PLW1509 (a terminal's)
        )

    def resize(self, columns: int, rows: int) -> None:
        size = struct.pack("HHHH", rows, columns, 0, 0)
        fcntl.ioctl(self._side, termios.TIOCSWINSZ, size)

    def press(self, keys: bytes) -> None:
        self.seen = b""
        os.write(self._side, keys)

    def sees(self, look: Callable[[bytes], bool]) -> bool:
        """Whether it comes to be seen."""
        until = time.monotonic() + PATIENCE
        while not look(self.seen) and time.monotonic() < until:
            if select.select([self._side], [], [], 0.1)[0]:
                self.seen += os.read(self._side, 65536)
        return look(self.seen)

    def left_as_it_was(self) -> bool:
        """Whether the program ends, and the terminal is as before."""
        self.sees(lambda seen: LEAVE in seen)
        self.process.wait(PATIENCE)
        while select.select([self._side], [], [], 0)[0]:
            self.seen += os.read(self._side, 65536)
        after = termios.tcgetattr(self._other)
        return self.seen.rstrip().endswith(LEAVE) and after == self.before

    def close(self) -> None:
        self.process.kill()
        self.process.wait()
        os.close(self._side)
        os.close(self._other)


@pytest.fixture
def person(config: Path) -> Iterator[Person]:
    there = Person(config)
    yield there
    there.close()


def test_it_goes_on_showing_what_happens_until_q(person: Person) -> None:
    rate = re.compile(rb"\b[1-9][0-9]\.[0-9] parts/s sent")
    assert person.sees(lambda seen: rate.search(seen) is not None)
    assert person.seen.startswith(ENTER)
    assert b"\x1b[2J" not in person.seen, "clearing is flicker"
    assert termios.tcgetattr(person._other) != person.before
    person.press(b"q")
    assert person.left_as_it_was()
    assert person.process.returncode == 0


def test_keys_choose_the_order_and_a_link(person: Person) -> None:
    assert person.sees(lambda seen: b"configured" in seen)
    person.press(b"s")
    assert person.sees(lambda seen: b"troubles first" in seen)
    person.press(b"\x1b[B")
    assert person.sees(lambda seen: b"link main: 1 of 1 bound" in seen)
    person.press(b"j")
    assert person.sees(lambda seen: b"link other: 1 of 1 bound" in seen)
    person.press(b"\x1b")
    assert person.sees(lambda seen: b"MESSAGES" in seen)


def test_another_size_is_another_picture_at_once(person: Person) -> None:
    assert person.sees(lambda seen: b"configured" in seen)
    person.resize(120, 40)
    assert person.sees(lambda seen: seen.rpartition(b"\x1b[H")[2].count(b"\r\n") == 39)


@pytest.mark.parametrize(
    "end",
    [
        lambda person: person.press(b"\x03"),
        lambda person: person.process.send_signal(signal.SIGTERM),
        lambda person: person.process.send_signal(signal.SIGHUP),
        lambda person: person.press(b"\x1c"),
    ],
    ids=["Ctrl-C", "SIGTERM", "SIGHUP", "Ctrl-backslash"],
)
def test_the_terminal_is_given_back_however_it_ends(
    end: Callable[[Person], None], person: Person
) -> None:
    assert person.sees(lambda seen: b"configured" in seen)
    end(person)
    assert person.left_as_it_was()
    assert person.process.returncode == 1


def test_ctrl_z_gives_the_terminal_back_until_it_goes_on(person: Person) -> None:
    assert person.sees(lambda seen: b"configured" in seen)
    person.press(b"\x1a")
    assert person.sees(lambda seen: LEAVE in seen)
    _, status = os.waitpid(person.process.pid, os.WUNTRACED)
    assert os.WIFSTOPPED(status)
    assert termios.tcgetattr(person._other) == person.before
    person.seen = b""
    person.process.send_signal(signal.SIGCONT)
    assert person.sees(lambda seen: ENTER in seen)
    person.press(b"q")
    assert person.left_as_it_was()


def test_a_keyboard_that_is_gone_is_an_interrupt(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    side, other = pty.openpty()
    with os.fdopen(other) as keyboard, (tmp_path / "screen").open("w") as shown:
        monkeypatch.setattr("sys.stdin", keyboard)
        monkeypatch.setattr("sys.stdout", shown)
        screen = Screen()
        monkeypatch.setattr(termios, "tcsetattr", lambda *_: None)  # there is none any more
        with screen:
            os.close(side)
            with pytest.raises(KeyboardInterrupt):
                screen.wait(time.monotonic() + PATIENCE)


def test_a_daemon_that_is_gone_is_told_and_awaited(person: Person, config: Path) -> None:
    assert person.sees(lambda seen: b"configured" in seen)
    socket, aside = config.with_name("control.sock"), config.with_name("aside.sock")
    socket.rename(aside)
    assert person.sees(lambda seen: b"NO ANSWER: no daemon listens on" in seen)
    aside.rename(socket)
    person.seen = b""
    assert person.sees(lambda seen: b"NO ANSWER" not in seen and b"configured" in seen)


def test_no_color_leaves_weight_and_no_colour(config: Path) -> None:
    person = Person(config, NO_COLOR="1")
    try:
        assert person.sees(lambda seen: b"configured" in seen)
        assert b"\x1b[3" not in person.seen
        assert b"\x1b[7m" in person.seen
    finally:
        person.close()


def test_a_terminal_that_cannot_be_drawn_on_gets_one_line(config: Path) -> None:
    person = Person(config, TERM="dumb")
    assert person.sees(lambda seen: b"\n" in seen)
    assert person.process.wait(PATIENCE) == 2
    assert person.seen.startswith(b"smppd: top draws on a terminal: --once prints one picture")
    assert b"\x1b" not in person.seen
