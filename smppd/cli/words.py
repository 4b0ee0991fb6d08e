"""The words of a command line: a parser that takes them in any order, and KEY=VALUE pairs."""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NoReturn, cast

from smppd.cli.declared import Declared, argument
from smppd.cli.terminal import CommandError
from smppd.config.quantities import seconds
from smppd.config.rules import nearest

#: How a value is given; for the help of whoever takes pairs.
VALUES = "a value may be @FILE, to be read from it, or - for standard input; @@ is one @"


class Parser(argparse.ArgumentParser):
    """Takes what is no option between options, too: `api group.getcontacts --json idgroup=7`."""

    _mixing = False

    def parse_known_args(self, args: Any = None, namespace: Any = None) -> Any:
        """See `argparse`. A parser with commands of its own leaves the order to theirs."""
        if self._mixing or self._subparsers is not None:
            return super().parse_known_args(args, namespace)
        self._mixing = True  # it calls this method for either kind of word
        try:
            return self.parse_known_intermixed_args(args, namespace)
        finally:
            self._mixing = False

    def parse_args(self, args: Any = None, namespace: Any = None) -> Any:
        """See `argparse`; the command that does not know a word says what it does know."""
        found, left = self.parse_known_args(args, namespace)
        if left:
            self._innermost(args or ()).refuse(left)
        return found

    def refuse(self, words: Sequence[str]) -> NoReturn:
        """End with the usage, and the option that was meant."""
        options = [word.partition("=")[0] for word in words if word.startswith("--")]
        cures = (nearest(option, self._option_string_actions) for option in options)
        self.error(f"unrecognized arguments: {' '.join(words)}{next(filter(None, cures), '')}")

    def _innermost(self, words: Iterable[str]) -> Parser:
        """The parser of the command, or of the command below it, that these words are for."""
        parser = self
        for word in words:
            parser = parser._commands().get(word, parser)
        return parser

    def _commands(self) -> Mapping[str, Parser]:
        """The commands of its own, by name."""
        for action in self._actions:
            if isinstance(action, argparse._SubParsersAction):  # noqa: SLF001 (nothing else tells them)
                return cast("Mapping[str, Parser]", action.choices)
        return {}

    def _check_value(self, action: argparse.Action, value: Any) -> None:
        """See `argparse`: for a command, the one that was meant, rather than each there is."""
        commands = self._commands()
        if action.choices is not commands or value in commands:
            super()._check_value(action, value)
            return
        cure = nearest(value, commands) or f"; {self.prog} --help lists what there is"
        raise argparse.ArgumentError(None, f"there is no command {value!r}{cure}")

    def declared(self, *path: str) -> Declared:
        """What it takes, and all commands below it; `path` are the words that lead to it."""
        below = self._commands()
        arguments = [argument(each) for each in self._actions if each.choices is not below]
        commands = [own.declared(*path, name) for name, own in below.items()]
        says, epilog = self.description or "", self.epilog or ""
        return Declared(path, says, epilog, tuple(arguments), tuple(commands))


def pairs(words: Iterable[str]) -> dict[str, str]:
    """KEY=VALUE words as they are meant, files and standard input read.

    Raises `CommandError` (2) for a word that is no pair, a key given twice and what cannot be read.
    """
    found: dict[str, str] = {}
    from_input = ""
    for word in words:
        key, equals, value = word.partition("=")
        if not equals or not key:
            raise CommandError(f"{word}: is no KEY=VALUE", exit_code=2)
        if key in found:
            raise CommandError(f"{key}: given twice", exit_code=2)
        if value == "-":
            if from_input:
                raise CommandError(f"{key}: standard input is read for {from_input} already", 2)
            from_input = key
        found[key] = _meant(key, value)
    return found


def _meant(key: str, value: str) -> str:
    if value == "-":
        return _text(key, "standard input", sys.stdin.buffer.read())
    if value.startswith("@@"):
        return value[1:]
    if not value.startswith("@"):
        return _utf8(key, value)
    path = Path(value[1:])
    try:
        return _text(key, str(path), path.read_bytes())
    except OSError as error:
        why = error.strerror or str(error)
        raise CommandError(f"{key}: {path} cannot be read: {why}", exit_code=2) from None


def _text(key: str, source: str, octets: bytes) -> str:
    """Without the newline that an editor ends a file with, and without a byte order mark."""
    try:
        text = octets.decode("utf-8-sig")
    except UnicodeDecodeError as mistake:
        raise CommandError(
            f"{key}: {source} is not UTF-8 (octet {mistake.start + 1}): convert it", exit_code=2
        ) from None
    return text.removesuffix("\n").removesuffix("\r")


def _utf8(key: str, value: str) -> str:
    try:
        value.encode()
    except UnicodeEncodeError:
        raise CommandError(f"{key}: is not UTF-8: check the terminal's locale", 2) from None
    return value


def count(most: int) -> Callable[[str], int]:
    """The rule for a number from 1 to `most`. It raises `ArgumentTypeError`."""

    def rule(text: str) -> int:
        plain = text.isascii() and text.isdecimal() and len(text) <= len(str(most))
        if not plain or not 1 <= int(text) <= most:
            raise argparse.ArgumentTypeError(f"{text!r} is no number from 1 to {most}")
        return int(text)

    return rule


def duration(text: str) -> float:
    """Seconds of a length of time; a number alone is of seconds. Raises `ArgumentTypeError`."""
    found = seconds(text if not text.replace(".", "", 1).isdigit() else f"{text}s")
    if found is None:
        raise argparse.ArgumentTypeError(f'{text!r} is no length of time: write "30s" or "10m"')
    return found


def moment(text: str) -> float:
    """Epoch seconds of a time, or of so long ago. Raises `ArgumentTypeError`."""
    ago = seconds(text)
    if ago is not None:
        return time.time() - ago
    try:
        found = datetime.fromisoformat(text)
        return (found if found.tzinfo else found.replace(tzinfo=UTC)).timestamp()
    except (ValueError, OverflowError):
        raise argparse.ArgumentTypeError(
            f'{text!r} is no time: write "2h" for two hours ago, "2030-01-31" or, with a time and'
            " offset, 2030-01-31T09:30+01:00"
        ) from None
