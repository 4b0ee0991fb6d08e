"""What the provider's chat operations answer, read: conversations and messages. Pure.

The documents name the fields and leave their types open; two of them name the same field
differently (`sent`, `issent`). So whatever comes is read as text, and nothing raises.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Sequence
from typing import NamedTuple

import msgspec

_OURS = frozenset({"1", "true", "yes"})
#: A moment whose texts stand in the order of time.
_SORTABLE = re.compile(r"\d{4}-\d\d-\d\d[ T]\d\d:\d\d(:\d\d(\.\d+)?)?\Z", re.ASCII)
_NUMBER = re.compile(r"\d{1,40}\Z", re.ASCII)

_read_object = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode
_read_list = msgspec.json.Decoder(list[msgspec.Raw]).decode
_read_text = msgspec.json.Decoder(str).decode


class ChatMessage(NamedTuple):
    """One message of a conversation; a field that did not come is empty.

    `destination` is the other side, `ours` whether we wrote to it: only what clearly says so is.
    `datetime` is as the provider wrote it; `raw` is the JSON of everything that came.
    """

    platform: str
    platformid: str
    destination: str
    text: str
    messageid: str
    ours: bool
    status: str
    datetime: str
    raw: bytes

    @property
    def key(self) -> bytes:
        """What tells it from the others of its conversation: its messageid, else what it says."""
        if self.messageid:
            return _digest("id", self.messageid)
        return _digest("text", self.text, self.datetime, str(self.ours))


class Listed(NamedTuple):
    """A conversation in the list of them. `tip` changes with its newest message; it is empty
    where what came cannot tell. `keys` are those of what the list showed."""

    destination: str
    tip: bytes
    keys: tuple[bytes, ...]
    newest: ChatMessage


class ChatChannelFound(NamedTuple):
    """A channel as the list of channels has it."""

    platform: str
    platformid: str
    name: str


class Read(NamedTuple):
    """The messages of an answer; whether they could be put in order, the oldest first; how many
    entries of it could not be read, and what was wrong with one of them."""

    messages: list[ChatMessage]
    ordered: bool = False
    unread: int = 0
    problem: str = ""


def read_messages(result: bytes) -> Read:
    """The messages in the `result` of getchats, getmessages or getunreadmessages."""
    entries, unread, problem = _entries(result)
    messages = [_message(*entry) for entry in entries]
    return Read(messages, _put_in_order(messages), unread, problem)


def read_channels(result: bytes) -> list[ChatChannelFound]:
    """The channels in the `result` of getchatchannels."""
    return [
        ChatChannelFound(*(_text(fields.get(name)) for name in ChatChannelFound._fields))
        for fields, _ in _entries(result)[0]
    ]


def by_conversation(messages: Iterable[ChatMessage]) -> list[Listed]:
    """The conversations of which getchats showed these messages. Those that do not say with
    whom they are left out."""
    found: dict[str, list[ChatMessage]] = {}
    for message in messages:
        if message.destination:
            found.setdefault(message.destination, []).append(message)
    return [_listed(destination, shown) for destination, shown in found.items()]


def _listed(destination: str, shown: Sequence[ChatMessage]) -> Listed:
    telling = all(each.messageid or each.datetime for each in shown)
    said = [
        text
        for each in shown
        for text in (each.messageid, each.text, each.datetime, str(each.ours))
    ]
    keys = tuple(each.key for each in shown)
    return Listed(destination, _digest(*said) if telling else b"", keys, shown[-1])


def _put_in_order(messages: list[ChatMessage]) -> bool:
    """Sort by time, and by number within a moment; whether that can be told of all of them."""
    numbered = all(_NUMBER.match(each.messageid) for each in messages)
    if all(_SORTABLE.match(each.datetime) for each in messages):
        messages.sort(
            key=lambda each: (
                each.datetime.replace("T", " "),
                int(each.messageid) if numbered else 0,
            )
        )
        return True
    if numbered:
        messages.sort(key=lambda each: int(each.messageid))
    return numbered


# ── reading JSON whose types nobody promised ─────────────────────────────────────────────────

_Entry = tuple[dict[str, msgspec.Raw], bytes]


def _entries(result: bytes) -> tuple[list[_Entry], int, str]:
    """The objects of a result, each with its JSON; how many others there were, and one of them."""
    found: list[_Entry] = []
    strange = []
    for item in _items(result):
        try:
            found.append((_read_object(item), item))
        except (msgspec.DecodeError, RecursionError):
            strange.append(item)
    problem = ""
    if strange:
        problem = f"where a message should be it has {strange[0][:40].decode(errors='replace')}"
    return found, len(strange), problem


def _items(result: bytes, *, listed: bool = False) -> list[bytes]:
    """A list's items, a map's values, an object itself, or nothing; else the whole of it. `listed`: it is
    what an object has as its list."""
    if result.strip() in (b"", b"null", b'""', b"{}", b"[]", b"false"):
        return []
    try:
        return [bytes(item) for item in _read_list(result)]
    except (msgspec.DecodeError, RecursionError):
        pass
    try:
        fields = _read_object(result)
    except (msgspec.DecodeError, RecursionError):
        return [result]
    if "list" in fields and not listed:
        return _items(bytes(fields["list"]), listed=True)
    values = [bytes(value) for value in fields.values()]
    return values if all(value.startswith(b"{") for value in values) else [result]


def _message(fields: dict[str, msgspec.Raw], raw: bytes) -> ChatMessage:
    sent = _text(fields.get("sent")) or _text(fields.get("issent"))
    return ChatMessage(
        _text(fields.get("platform")),
        _text(fields.get("platformid")),
        _text(fields.get("destination")),
        _text(fields.get("message")),
        _text(fields.get("messageid")),
        sent.strip().lower() in _OURS,
        _text(fields.get("status")),
        _text(fields.get("datetime")),
        raw,
    )


def _text(value: msgspec.Raw | None) -> str:
    """A value as text: a number as it was written, so that no digit of an id is lost."""
    if value is None:
        return ""
    written = bytes(value)
    if written == b"null":
        return ""
    return _read_text(written) if written.startswith(b'"') else written.decode()


def _digest(*said: str) -> bytes:
    whole = "".join(f"{len(each)}:{each}" for each in said)
    return hashlib.blake2b(whole.encode(errors="surrogatepass"), digest_size=16).digest()
