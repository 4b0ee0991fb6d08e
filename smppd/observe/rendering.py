"""How a line of the log is written: words for a terminal, JSON elsewhere, with its priority for systemd.

Pure but for looking at the stream and the environment. Raises nothing.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping, MutableMapping
from types import MappingProxyType
from typing import Any, Literal, TextIO

import msgspec
import structlog
from structlog.typing import Processor

from smppd.observe.lines import SAYS

Format = Literal["auto", "json", "console"]

#: The syslog priority of each level.
_PRIORITIES: Mapping[str, int] = MappingProxyType({"debug": 7, "info": 6, "warning": 4, "error": 3})

#: Fields that are durations.
_SECONDS = frozenset({"retry_in", "took"})

_Entry = MutableMapping[str, Any]


def rendering(stream: TextIO, form: Format) -> Processor:
    """What makes a line of an entry, for this stream.

    `auto` is words on a terminal, coloured unless NO_COLOR is set or TERM is dumb, and JSON lines elsewhere.
    """
    terminal = stream.isatty()
    words = form == "console" or (form == "auto" and terminal)
    dumb = os.environ.get("TERM") == "dumb"
    colours = terminal and not dumb and not os.environ.get("NO_COLOR")
    render = _in_words(colours=colours) if words else _as_json
    return _with_priority(render) if _is_journal(stream) else render


def _as_json(_logger: Any, _method: str, entry: _Entry) -> str:
    head = {key: entry.pop(key) for key in ("timestamp", "level", "event")}
    line = {key: _encodable(value) for key, value in (head | dict(entry)).items()}
    text = msgspec.json.encode(line, enc_hook=str).decode()
    if text.isprintable():
        return text
    # journalctl hides a line with control characters, or lets a terminal obey them (U+0080 to U+009F, say).
    return "".join(each if each.isprintable() else json.dumps(each)[1:-1] for each in text)


def _encodable(value: Any) -> Any:
    """File names may hold octets that are no UTF-8, which Python keeps as lone surrogates."""
    if isinstance(value, str):
        return value.encode("utf-8", "backslashreplace").decode()
    return value


def _in_words(*, colours: bool) -> Processor:
    console = structlog.dev.ConsoleRenderer(colors=colours, sort_keys=False)

    def render(logger: Any, method: str, entry: _Entry) -> str:
        shown = {key: _readable(key, value) for key, value in entry.items()}
        shown["event"] = SAYS.get(entry["event"], entry["event"])
        return console(logger, method, shown)

    return render


def _readable(key: str, value: Any) -> Any:
    if key in _SECONDS:
        return f"{round(value, 3):g}s"
    if isinstance(value, Mapping):
        return ", ".join(f"{count} {name}" for name, count in value.items()) or "none"
    if isinstance(value, str) and not value.isprintable():
        # What an SMSC or a file name says must not steer the terminal.
        return "".join(_escaped(character) for character in value)
    return value


def _escaped(character: str) -> str:
    return character if character.isprintable() else ascii(character)[1:-1]


def _with_priority(render: Callable[[Any, str, _Entry], Any]) -> Processor:
    def prefixed(logger: Any, method: str, entry: _Entry) -> str:
        priority = _PRIORITIES[entry["level"]]
        return f"<{priority}>{render(logger, method, entry)}"

    return prefixed


def _is_journal(stream: TextIO) -> bool:
    """Whether systemd connected this stream to its journal (systemd.exec(5), JOURNAL_STREAM)."""
    expected = os.environ.get("JOURNAL_STREAM", "")
    try:
        there = os.fstat(stream.fileno())
    except (OSError, ValueError):  # io.UnsupportedOperation is both: no file behind the stream
        return False
    return expected == f"{there.st_dev}:{there.st_ino}"
