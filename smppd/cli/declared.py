"""What a parser takes, as values: for the completion of shells and for the man page, so that neither
can say anything else than `--help`."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from dataclasses import dataclass

#: The metavars of what is a file's or a folder's name.
_FILES = frozenset({"FILE", "DIR"})


@dataclass(frozen=True, slots=True)
class Argument:
    """An option with all its names, or, without any, what stands in a place of its own.

    `value`: what is to be written for it; empty for an option that takes none. `choices`: what it
    may be, where that is limited.
    """

    names: tuple[str, ...]
    value: str
    choices: tuple[str, ...]
    says: str
    required: bool = True
    many: bool = False

    @property
    def is_file(self) -> bool:
        """Whether its value is the name of a file or folder."""
        return self.value in _FILES


@dataclass(frozen=True, slots=True)
class Declared:
    """A command, by its words behind the program's name (none for the program itself)."""

    path: tuple[str, ...]
    says: str
    epilog: str
    arguments: tuple[Argument, ...]
    commands: tuple[Declared, ...] = ()

    @property
    def options(self) -> tuple[Argument, ...]:
        """What begins with a hyphen."""
        return tuple(each for each in self.arguments if each.names)

    @property
    def places(self) -> tuple[Argument, ...]:
        """What stands in a place of its own."""
        return tuple(each for each in self.arguments if not each.names)

    def everything(self) -> Iterator[Declared]:
        """This command and all below it."""
        yield self
        for each in self.commands:
            yield from each.everything()


def argument(action: argparse.Action) -> Argument:
    """One argument, as it was declared."""
    choices = tuple(map(str, action.choices or ()))
    metavar = action.metavar if isinstance(action.metavar, str) else ""
    value = metavar or (f"{{{','.join(choices)}}}" if choices else action.dest.upper())
    return Argument(
        names=tuple(action.option_strings),
        value="" if action.nargs == 0 else value,
        choices=choices,
        says=(action.help or "") % {**vars(action), "prog": "smppd"},
        required=action.required,
        many=action.nargs in {"*", "+"},
    )
