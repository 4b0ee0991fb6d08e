"""The man pages, made of what says the same elsewhere, so that they cannot say anything else.

`python packaging/man_pages.py FOLDER` writes smppd.1 (of the parsers), smppd.toml.5 (of
conf/smppd.toml, which tests hold to the configuration) and smppd-spool.5 (of docs/hand-in.md).
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from pathlib import Path

from roff import bold, commented_toml, header, italic, markdown, text

from smppd import __version__
from smppd.cli import whole_parser
from smppd.cli.declared import Argument, Declared

ROOT = Path(__file__).resolve().parents[1]
_OF_THE_SPOOL = ("In a minute", "Formats", "Campaigns", "What comes back", "Events, for programs")
_OF_THE_CODES = "0: done. 1: it failed, or there was nothing to do. 2: wrong use, or mistakes in the configuration."


def program() -> str:
    """smppd(1)."""
    declared = whole_parser().declared()
    lines = header(
        "smppd", 1, __version__, "sends SMS over SMPP: a spool in, every message accounted for"
    )
    lines += [
        ".SH SYNOPSIS",
        f"{bold('smppd')} [{italic('OPTION')}]... {italic('COMMAND')} [{italic('ARGUMENT')}]...",
    ]
    lines += [".SH DESCRIPTION", text(declared.says), *markdown(_introduction())]
    lines += [".SH OPTIONS", *_arguments(declared.options), ".SH COMMANDS"]
    for command in declared.everything():
        if command.path:
            lines += _command(command)
    lines += [
        ".SH EXIT STATUS",
        text(_OF_THE_CODES),
        ".SH ENVIRONMENT",
        ".TP",
        bold("SMPPD_CONFIG"),
        text("the configuration, where --config names none"),
        ".SH FILES",
        *_files(),
        ".SH SEE ALSO",
        ".BR smppd.toml (5),",
        ".BR smppd\\-spool (5),",
        text("/usr/share/doc/smppd: the manual for who hands in, and for who operates"),
    ]
    return _page(lines)


def configuration() -> str:
    """smppd.toml(5)."""
    source = (ROOT / "conf" / "smppd.toml").read_text()
    lines = header(
        "smppd.toml", 5, __version__, "configuration of smppd, every key with its default"
    )
    return _page(
        [*lines, ".SH DESCRIPTION", *commented_toml(source), ".SH SEE ALSO", ".BR smppd (1)"]
    )


def spool() -> str:
    """smppd-spool(5)."""
    manual = (ROOT / "docs" / "hand-in.md").read_text()
    lines = header(
        "smppd-spool", 5, __version__, "how messages are handed in to smppd, and what comes back"
    )
    for title in _OF_THE_SPOOL:
        lines += markdown(_section(manual, title))
    return _page([*lines, ".SH SEE ALSO", ".BR smppd (1),", ".BR smppd.toml (5)"])


PAGES = {"smppd.1": program, "smppd.toml.5": configuration, "smppd-spool.5": spool}


def _introduction() -> str:
    """What the README begins with."""
    readme = (ROOT / "README.md").read_text()
    return readme.split("\n\n", 2)[1]


def _section(manual: str, title: str) -> str:
    found = re.search(rf"(?ms)^## {re.escape(title)}\n.*?(?=^## |\Z)", manual)
    if found is None:
        raise SystemExit(f"docs/hand-in.md has no section {title}")
    return found[0]


def _command(command: Declared) -> Iterator[str]:
    words = " ".join(["smppd", *command.path])
    yield f'.SS "{text(words)}"'
    yield text(f"{command.says[:1].upper()}{command.says[1:]}.")
    yield ".PP"
    yield " ".join([bold(words), *filter(None, map(_synopsis, command.arguments))])
    yield from _arguments(each for each in command.arguments if each.says and not _common(each))
    if command.epilog:
        yield ".PP"
        yield text(command.epilog)


def _common(argument: Argument) -> bool:
    """Whether it is an option of every command, and told once."""
    return bool({"--help", "--config"} & set(argument.names))


def _synopsis(argument: Argument) -> str:
    if _common(argument):
        return ""
    name = bold(argument.names[-1]) if argument.names else ""
    value = italic(argument.value) + ("\\&..." if argument.many else "") if argument.value else ""
    both = " ".join(filter(None, (name, value)))
    return both if argument.required else f"[{both}]"


def _arguments(arguments: Iterator[Argument] | tuple[Argument, ...]) -> Iterator[str]:
    for each in arguments:
        value = f" {italic(each.value)}" if each.value and each.names else italic(each.value)
        yield ".TP"
        yield ", ".join(map(bold, each.names)) + value
        yield text(each.says)


def _files() -> Iterator[str]:
    for place, what in (
        ("/etc/smppd/smppd.toml", "the configuration"),
        ("/var/spool/smppd", "what is handed in, and what comes back"),
        ("/var/lib/smppd/journal.db", "every message and what became of it"),
        ("/run/smppd/control.sock", "how commands reach the running daemon"),
    ):
        yield from (".TP", bold(place), text(what))


def _page(lines: list[str]) -> str:
    """Without the breaks that a heading makes anyway."""
    page = "\n".join(lines) + "\n"
    return re.sub(r"(?m)^(\.S[HS] .*\n)\.PP\n", r"\1", page)


def main(folder: Path) -> None:
    """Write all of them."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, make in PAGES.items():
        (folder / name).write_text(make())


if __name__ == "__main__":
    main(Path(sys.argv[1]))
