"""How moments and texts are told, wherever something is told of a message. Pure; nothing raises."""

from __future__ import annotations

from datetime import UTC, datetime
from functools import lru_cache

from smppd.message import Message
from smppd.smpp.text import decode_text
from smppd.smpp.vocabulary import EsmClass, TlvTag

_UDHI = int(EsmClass.UDHI)
_PAYLOAD = int(TlvTag.MESSAGE_PAYLOAD)


@lru_cache(maxsize=4096)
def iso(at: float | None) -> str | None:
    """A moment (epoch seconds) in ISO 8601, UTC, to the millisecond."""
    return None if at is None else moment(at)


def moment(at: float) -> str:
    """Like `iso`, of a moment that is known."""
    second = int(at)
    return f"{to_the_second(second)}.{int((at - second) * 1000):03d}Z"


@lru_cache(maxsize=64)
def to_the_second(second: int) -> str:
    """A whole second in ISO 8601, UTC, without its Z."""
    return f"{datetime.fromtimestamp(second, UTC):%Y-%m-%dT%H:%M:%S}"


def text_of(message: Message) -> str:
    """The text of an accepted message, as a handset reads it; data in hex."""
    if message.encoding == "binary":
        return b"".join(message.segments).hex()
    headed = bool(message.esm_class & _UDHI)
    payload = dict(message.tlv).get(_PAYLOAD)
    pieces = message.segments if payload is None else (payload,)
    default, coding = message.encoding, message.data_coding
    return "".join(decode_text(each, coding, headed, default) for each in pieces)


def is_bare(message: Message) -> bool:
    """Whether its text was taken out: no message is accepted without one."""
    return message.call is None and not (any(message.segments) or message.tlv)
