"""A whole terminal to draw on, given back as it was however the program leaves it.

Draws over what stands there and never clears first, so that nothing flickers. Keys are read one by
one. Knows no command.
"""

from __future__ import annotations

import os
import select
import signal
import sys
import termios
import time
import tty
from collections.abc import Callable, Iterable, Mapping, Sequence
from types import FrameType, MappingProxyType
from typing import Any, Literal

from smppd.cli.terminal import encodable, printable

Style = Literal["plain", "bold", "dim", "title", "good", "odd", "bad"]
#: A line of the screen: pieces of text, each with its style.
Line = Sequence[tuple[str, Style]]

_COLOURS: Mapping[Style, str] = MappingProxyType(
    {"bold": "1", "dim": "2", "title": "7", "good": "32", "odd": "33;1", "bad": "31;1"}
)
#: Where NO_COLOR is set: weight and inversion are no colours.
_NO_COLOURS: Mapping[Style, str] = MappingProxyType(
    {"bold": "1", "title": "7", "odd": "1", "bad": "1"}
)
#: The other screen, without cursor and without wrapping; and back.
_ENTER, _LEAVE = "\x1b[?1049h\x1b[?25l\x1b[?7l", "\x1b[?7h\x1b[?25h\x1b[?1049l"
#: What is between these is shown at once, by terminals that know them.
_BEGIN, _END = "\x1b[?2026h\x1b[H", "\x1b[J\x1b[?2026l"

_ENDINGS = (signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT)
_KEYS = MappingProxyType({b"\x1b[A": "up", b"\x1b[B": "down", b"\x1b": "escape", b"\x1bOA": "up", b"\x1bOB": "down"})  # fmt: skip


def shown(line: Line, width: int | None, *, styled: bool) -> str:
    """A line as it is written, cut to the width."""
    colours = _NO_COLOURS if os.environ.get("NO_COLOR") else _COLOURS
    left, pieces = width, list[str]()
    for text, style in line:
        piece = printable(text.replace("\n", " "))[:left]
        left = None if left is None else left - len(piece)
        code = colours.get(style) if styled and piece else None
        pieces.append(f"\x1b[{code}m{piece}\x1b[0m" if code else piece)
    return "".join(pieces)


class Screen:
    """The terminal while the context lasts. Signals that end a program end the context first; Ctrl-Z
    gives the terminal back until the program goes on."""

    def __init__(self) -> None:
        self._in, self._out = sys.stdin, sys.stdout
        self._before: list[Any] | None = None
        self._handlers: dict[int, Any] = {}
        self._woken, self._waker = os.pipe()
        os.set_blocking(self._woken, False)
        os.set_blocking(self._waker, False)

    def __enter__(self) -> Screen:
        if self._in.isatty():
            self._before = termios.tcgetattr(self._in)
        self._heed(signal.SIGWINCH, lambda *_: None)
        self._heed(signal.SIGTSTP, self._suspend)
        for number in _ENDINGS:
            self._heed(number, _interrupt)
        self._wakeup_before = signal.set_wakeup_fd(self._waker, warn_on_full_buffer=False)
        self._take()
        return self

    def __exit__(self, *_: object) -> None:
        self._give_back()
        signal.set_wakeup_fd(self._wakeup_before)
        for number, handler in self._handlers.items():
            signal.signal(number, handler)
        os.close(self._woken)
        os.close(self._waker)

    def _heed(self, number: int, handler: Callable[[int, FrameType | None], None]) -> None:
        self._handlers[number] = signal.signal(number, handler)

    def _take(self) -> None:
        if self._before is not None:
            tty.setcbreak(self._in, termios.TCSANOW)
        self._write(_ENTER)

    def _give_back(self) -> None:
        try:
            self._write(_LEAVE)
        finally:
            if self._before is not None:
                termios.tcsetattr(self._in, termios.TCSANOW, self._before)

    def _suspend(self, *_: object) -> None:
        self._give_back()
        os.kill(os.getpid(), signal.SIGSTOP)
        self._take()

    def _write(self, text: str) -> None:
        self._out.write(encodable(self._out, text))
        self._out.flush()

    @property
    def size(self) -> tuple[int, int]:
        """Columns and rows, as they are now."""
        columns, rows = os.get_terminal_size(self._out.fileno())
        return columns or 80, rows or 24

    def draw(self, lines: Iterable[Line]) -> None:
        """Show these lines, from the top, and nothing else."""
        width, height = self.size
        rows = [shown(line, width, styled=True) for line in lines][:height]
        self._write(_BEGIN + "\r\n".join(f"{row}\x1b[K" for row in rows) + _END)

    def wait(self, until: float) -> str | None:
        """A key (a letter, "up", "down", "escape"), "" when the terminal has another size, None when
        it is `until` (monotonic seconds). A keyboard that is gone is an interrupt."""
        watched: list[Any] = [self._woken]
        if self._before is not None:
            watched.append(self._in)
        ready, _, _ = select.select(watched, [], [], max(0.0, until - time.monotonic()))
        if self._in in ready:
            typed = os.read(self._in.fileno(), 32)
            if not typed:
                raise KeyboardInterrupt
            return _KEYS.get(typed) or typed.decode("ascii", "ignore")[:1] or "?"
        if ready:
            os.read(self._woken, 512)
            return ""
        return None


def _interrupt(*_: object) -> None:
    """These signals end a view as Ctrl-C does, so that the terminal is given back."""
    raise KeyboardInterrupt
