"""A script from a TOML file and from flags.

The flags of the command line are made from the script's declaration, one for each value. What
the flags say goes before what the file says. ScriptError names the key and the cure.
"""

from __future__ import annotations

import argparse
import re
import tomllib
from collections.abc import Iterator, Mapping
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any, Literal, NamedTuple, get_args, get_origin, get_type_hints

import msgspec

from smppd.simulate.script import Script, Status, read_status
from smppd.simulate.units import Seconds

_UNITS = {"": 1.0, "ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0}
_DURATION = re.compile(r"(\d+(?:\.\d+)?)\s*(ms|s|m|h|)")
_PLACE = re.compile(r" - at `\$\.?([^`]*)`$")


class ScriptError(Exception):
    """A script cannot be used; the text names the key, the mistake and the cure."""


class Value(NamedTuple):
    """One value of a script: its section ("" at the top), its name, type and description."""

    section: str
    name: str
    kind: Any
    description: str

    @property
    def flag(self) -> str:
        """Its flag: --receipt-delay."""
        return "--" + f"{self.section}-{self.name}".strip("-").replace("_", "-")

    @property
    def key(self) -> str:
        """Its place in a file: receipt.delay."""
        return f"{self.section}.{self.name}".strip(".")

    @property
    def destination(self) -> str:
        """Its name in a namespace, which no other command's flag has."""
        return f"script.{self.section}.{self.name}"


def values() -> Iterator[Value]:
    """Every value a script has, in the order of its declaration."""
    for name, kind in get_type_hints(Script, include_extras=True).items():
        if get_origin(kind) is Annotated:
            yield _value("", name, kind)
        else:
            for inner, inner_kind in get_type_hints(kind, include_extras=True).items():
                yield _value(name, inner, inner_kind)


def _value(section: str, name: str, annotated: Any) -> Value:
    kind, *notes = get_args(annotated)
    description = next(note.description for note in notes if note.description)
    return Value(section, name, kind, description)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """A flag for every value, and --script for a file."""
    parser.add_argument("--script", metavar="FILE", dest="script_file", help="a script in TOML")
    for value in values():
        if value.kind is bool:
            parser.add_argument(
                value.flag,
                dest=value.destination,
                action=argparse.BooleanOptionalAction,
                help=value.description,
            )
        else:
            parser.add_argument(
                value.flag,
                dest=value.destination,
                metavar=_placeholder(value.kind),
                help=value.description,
            )


def _placeholder(kind: Any) -> str:
    """What stands for a value of this type in the help."""
    if choices := _choices(kind):
        return "|".join(choices)
    if kind is Seconds:
        return "TIME"
    if get_origin(kind) is dict:
        return "NAME=TEXT,…" if get_args(kind)[1] is str else "NAME=SHARE,…"
    if get_origin(kind) is list:
        return "NAME,…"
    if get_origin(kind) is tuple:
        return "KEY=VALUE,…;…"
    bare = get_args(kind)[0] if get_origin(kind) is Annotated else kind
    return {int: "N", float: "NUMBER", Status: "STATUS"}.get(bare, "TEXT")


def _choices(kind: Any) -> tuple[str, ...]:
    """The words of an enum, of a Literal, or of an optional one; none for other types."""
    if isinstance(kind, type) and issubclass(kind, StrEnum):
        return tuple(kind)
    for part in (kind, *get_args(kind)):
        if get_origin(part) is Literal:
            return get_args(part)
    return ()


def script_from_arguments(arguments: argparse.Namespace) -> Script:
    """The script that the command line asks for."""
    given = vars(arguments)
    path = given.get("script_file")
    raw = _read(Path(path)) if path else {}
    for value in values():
        written = given.get(value.destination)
        if written is not None:
            section = raw.setdefault(value.section, {}) if value.section else raw
            if isinstance(section, dict):
                section[value.name] = _from_flag(value, written)
    return make_script(raw, path or "simulate")


def make_script(raw: Mapping[str, Any], source: str) -> Script:
    """A script from nested dictionaries; `source` is where a mistake is said to be."""
    try:
        return msgspec.convert(raw, Script, strict=False, dec_hook=_convert)
    except msgspec.ValidationError as error:
        raise ScriptError(f"{source}: {_explain(str(error))}") from None


def _read(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ScriptError(f"{path}: cannot be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise ScriptError(f"{path}: is not UTF-8; save it as UTF-8") from None
    except tomllib.TOMLDecodeError as error:
        raise ScriptError(f"{path}: is not TOML: {error}") from None


def _from_flag(value: Value, written: Any) -> Any:
    """Tables and lists are written with commas on a command line, and between tables a semicolon."""
    origin = get_origin(value.kind)
    if origin is tuple:
        return [_table(value, each) for each in written.split(";") if each.strip()]
    if origin is dict:
        texts = _table(value, written)
        return texts if get_args(value.kind)[1] is str else _as_numbers(value, texts)
    if origin is list:
        return [item.strip() for item in written.split(",") if item.strip()]
    return written


def _table(value: Value, written: str) -> dict[str, str]:
    """What KEY=VALUE,… says."""
    pairs = [item.strip().partition("=") for item in written.split(",") if item.strip()]
    for name, equals, _ in pairs:
        if not equals:
            raise ScriptError(f"{value.flag}: {name!r} is no {_placeholder(value.kind)}")
    return {name: text for name, _, text in pairs}


def _as_numbers(value: Value, texts: Mapping[str, str]) -> dict[str, float]:
    for name, share in texts.items():
        if not _is_number(share):
            raise ScriptError(f"{value.flag}: write NAME=SHARE, like {name or 'NAME'}=0.1")
    return {name: float(share) for name, share in texts.items()}


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def _convert(kind: type, written: object) -> object:
    if kind is Seconds:
        return _read_duration(written)
    if kind is Status and isinstance(written, str | int):
        return read_status(written)
    raise ValueError(f"{written!r} is not what belongs here")


def _read_duration(written: object) -> Seconds:
    if isinstance(written, int | float) and not isinstance(written, bool) and written >= 0:
        return Seconds(written)
    if isinstance(written, str) and (match := _DURATION.fullmatch(written.strip())):
        return Seconds(float(match[1]) * _UNITS[match[2]])
    raise ValueError(f'{written!r} is no duration; write seconds, or "5ms", "2s", "10m", "1h"')


def _explain(message: str) -> str:
    """msgspec's words, with the key first and the keys there are where one is unknown."""
    place = _PLACE.search(message)
    key = re.sub(r"\[(\.\.\.|\d+)\]", "", place[1]) if place else ""
    problem = message[: place.start()] if place else message
    problem = problem.replace("`object`", "a table")
    if unknown := re.fullmatch(r"Object contains unknown field `(.*)`", problem):
        known = ", ".join(_keys_in(key))
        return f"{key}.{unknown[1]}".strip(".") + f": unknown key; there are {known}"
    value = next((value for value in values() if value.key == key), None)
    kind = (
        _kinds_in(key.rpartition(".")[0]).get(key.rpartition(".")[2]) if not value else value.kind
    )
    if choices := _choices(kind):
        return f"{key}: {problem}; choose from {', '.join(choices)}"
    if value is None or get_origin(kind) is tuple:
        return f"{key}: {problem}" if key else problem
    return f"{key}: {problem} ({value.description})"


def _kinds_in(section: str) -> dict[str, Any]:
    """What the keys are of the tables that a list of tables has, by their names."""
    kind = next((value.kind for value in values() if value.key == section), None)
    return get_type_hints(get_args(kind)[0]) if get_origin(kind) is tuple else {}


def _keys_in(section: str) -> list[str]:
    if tables := _kinds_in(section):
        return list(tables)
    names = [value.name for value in values() if value.section == section]
    sections = sorted({value.section for value in values()} - {""}) if not section else []
    return names + sections
