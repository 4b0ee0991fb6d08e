"""What stands in the `result` of an answer, read into types. Pure; raises nothing.

The documents name fields and no types: numbers and texts are both read as texts, so that an id
keeps every digit. One object, a list of them, and a map by id are all read, because a question about
several messages is documented with an answer about one. What is missing is an empty text. Chats are
read in `chat`; what the documents say nothing of is passed on as it came.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import msgspec

from smppd.provider.operation import Effect, Operation


class Taken(msgspec.Struct, frozen=True):
    """A message that the provider took: its message_id, and to whom; empty for what it did not say."""

    message_id: str
    to: str


@dataclass(frozen=True, slots=True)
class SentSms:
    """The answer to a single send."""

    messageid: str
    credits: str


@dataclass(frozen=True, slots=True)
class GroupSend:
    """The answer to a group send; its `id` is that of the sending as a whole."""

    id: str
    count: str
    credits: str
    destinations: tuple[Taken, ...]


@dataclass(frozen=True, slots=True)
class DeliveryStatus:
    """What became of one message, in the provider's words."""

    messageid: str
    sms: str
    deliverydate: str
    deliverystatus: str


@dataclass(frozen=True, slots=True)
class Contact:
    """A contact of the second API."""

    id: str
    first_name: str
    last_name: str
    company: str
    phone_number: str
    custom_1: str
    custom_2: str
    custom_3: str
    custom_4: str


def taken(operation: Operation, result: bytes) -> tuple[Taken, ...]:
    """The messages that a send took: of a single one its message_id, of a group's one for each
    destination. Empty where the answer names none (it is not documented for chats)."""
    if operation.effect is not Effect.SENDS:
        return ()
    if operation.answer.nested == "destinations":
        return group_send(result).destinations
    message_id = sent_sms(result).messageid
    return (Taken(message_id, ""),) if message_id else ()


def sent_sms(result: bytes) -> SentSms:
    """The answer to sms.sendsms and sms.sendsmsfromtemplate."""
    value = _first(_value(result))
    return SentSms(text(value, "messageid"), text(value, "credits"))


def group_send(result: bytes) -> GroupSend:
    """The answer to sms.sendsmstogroup and sms.sendsmstogroupfromtemplate."""
    value = _first(_value(result))
    destinations = tuple(
        Taken(text(each, "messageid"), text(each, "destination"))
        for each in _objects(value.get("destinations"), "messageid", "destination")
        if text(each, "messageid") or text(each, "destination")
    )
    return GroupSend(text(value, "id"), text(value, "count"), text(value, "credits"), destinations)


def statuses(result: bytes) -> list[DeliveryStatus]:
    """The answer to sms.getdeliverystatus."""
    names = DeliveryStatus.__slots__
    return [
        DeliveryStatus(*(text(each, name) for name in names))
        for each in _objects(_value(result), "messageid", "deliverystatus")
    ]


def contact(result: bytes) -> Contact:
    """The answer to contacts.detail."""
    found = _first(_value(result)).get("contact")
    value = found if isinstance(found, dict) else {}
    return Contact(*(text(value, name) for name in Contact.__slots__))


def text(value: Mapping[str, object], name: str) -> str:
    """A field as text: a number by its digits, true and false by these words, else nothing."""
    found = value.get(name)
    if isinstance(found, bool):
        return "true" if found else "false"
    return found if isinstance(found, str) else ""


def _value(result: bytes) -> object:
    """The JSON value, its numbers as texts. None for what is no JSON."""
    try:
        return json.loads(result, parse_int=str, parse_float=str, parse_constant=str)
    except (ValueError, RecursionError):
        return None


def _first(value: object) -> dict[str, object]:
    """The one object, or the first of a list."""
    if isinstance(value, list) and value:
        value = value[0]
    return value if isinstance(value, dict) else {}


def _objects(value: object, key: str, only: str = "") -> Iterator[dict[str, object]]:
    """The objects of an answer: the one that it is, those of a list (bare, or as `list`), or the
    values of a map whose keys are what `key` names. `only` names what a value that is no object is.
    """
    if isinstance(value, dict) and isinstance(value.get("list"), list | dict):
        value = value["list"]
    if isinstance(value, list):
        for each in value:
            if isinstance(each, dict):
                yield each
        return
    if not isinstance(value, dict):
        return
    if key in value or (only and only in value):
        yield value
        return
    for name, each in value.items():
        if isinstance(each, dict):
            yield {key: name, **each}
        elif only and isinstance(each, str):
            yield {key: name, only: each}
