"""Writing for people: one object that every command writes through, and how a command fails.

Knows no command. What comes from outside (a file name, the words of an SMSC) cannot steer the
terminal: characters that do not print are escaped.
"""

from __future__ import annotations

import json
import os
import shutil
import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, TextIO

import msgspec

if TYPE_CHECKING:
    from smppd.config import Mistake


class CommandError(Exception):
    """A command cannot do what was asked; one line that names place and cure."""

    def __init__(self, text: str, exit_code: int = 1) -> None:
        super().__init__(text)
        self.exit_code = exit_code


class Misconfigured(Exception):  # noqa: N818 (it names a state of affairs)
    """The configuration has these mistakes."""

    def __init__(self, mistakes: Sequence[Mistake]) -> None:
        super().__init__(f"{len(mistakes)} mistakes")
        self.mistakes = mistakes


class Terminal:
    """Standard output and standard error, as they are when something is written."""

    @property
    def interactive(self) -> bool:
        """Whether a person watches the output."""
        return sys.stdout.isatty()

    @property
    def draws(self) -> bool:
        """Whether what he watches it on obeys escape sequences."""
        return self.interactive and os.environ.get("TERM", "dumb") not in ("", "dumb")

    @property
    def columns(self) -> int | None:
        """How wide the screen is; None where nobody watches, and lines may be of any length."""
        return shutil.get_terminal_size().columns if self.interactive else None

    def say(self, text: str = "") -> None:
        """Write lines to standard output."""
        _write(sys.stdout, text)

    def say_styled(self, text: str) -> None:
        """Write a line of `screen.shown`, which has escaped what came from outside."""
        with _written():
            sys.stdout.write(encodable(sys.stdout, text) + "\n")

    def say_json(self, value: Any) -> None:
        """Write a value as JSON, for programs."""
        encoded = value if isinstance(value, bytes) else msgspec.json.encode(value)
        text = msgspec.json.format(encoded, indent=2).decode()
        if _shown(sys.stdout, text) != text:
            text = json.dumps(json.loads(encoded), indent=2)  # the same, in ASCII
        _write(sys.stdout, text)

    def hand_on(self, text: str) -> None:
        """Write data as it is, in UTF-8, for a file or a program; a terminal shows it escaped."""
        if self.interactive:
            _write(sys.stdout, text.rstrip("\n"))
            return
        with _written():
            sys.stdout.flush()
            sys.stdout.buffer.write(text.encode())

    def complain(self, text: str) -> None:
        """Write one line of ours to standard error."""
        self.complain_all([f"smppd: {text}"])

    def complain_all(self, lines: Iterable[str]) -> None:
        """Write lines to standard error as they stand."""
        self.flush()
        for line in lines:
            _write(sys.stderr, line)

    def flush(self) -> None:
        """Have everything written, so that a reader who has left is noticed."""
        with _written():
            sys.stdout.flush()


def drop_output() -> None:
    """From here on standard output goes nowhere: it must not be tried once more when Python exits."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


@contextmanager
def _written() -> Iterator[None]:
    """Raises `CommandError` where the disk takes no more; a reader who has left is another matter."""
    try:
        yield
    except BrokenPipeError:
        raise
    except OSError as error:
        drop_output()
        raise CommandError(f"the output cannot be written: {error.strerror}") from None


def _write(stream: TextIO, text: str) -> None:
    with _written():
        stream.write(_shown(stream, text) + "\n")
        if stream.isatty():
            stream.flush()


def _shown(stream: TextIO, text: str) -> str:
    """The text with everything escaped that the stream cannot carry or that does not print."""
    return printable(encodable(stream, text))


def encodable(stream: TextIO, text: str) -> str:
    """The text with everything escaped that the stream cannot carry."""
    if text.isascii():
        return text
    encoding = stream.encoding or "utf-8"
    return text.encode(encoding, "backslashreplace").decode(encoding)


def printable(text: str) -> str:
    """The text with everything escaped that does not print, newlines aside."""
    if text.isprintable():
        return text
    return "".join(
        each if each == "\n" or each.isprintable() else ascii(each)[1:-1] for each in text
    )


def plural(count: int, thing: str) -> str:
    """A count with its word: "1 message", "2 messages"."""
    return f"{count:,} {thing}" if count == 1 else f"{count:,} {thing}s"
