"""What a line's fields are called, and which of them somebody meant. Pure."""

from __future__ import annotations

from difflib import get_close_matches
from functools import lru_cache

import msgspec

from smppd.message import CallRequest

#: What the first line of a file may hold instead of a message.
CAMPAIGN = "campaign"

_ECHO_FIELD = "x-*"

#: Every field of a line, with what reads it.
FIELDS = {
    field.encode_name: msgspec.json.Decoder(field.type)
    for field in msgspec.structs.fields(CallRequest)
    if field.encode_name != _ECHO_FIELD
}

#: What other gateways call our fields.
_ALIASES = {
    "body": "text",
    "content": "text",
    "msg": "text",
    "message": "text",
    "sms": "text",
    "mobile": "to",
    "msisdn": "to",
    "number": "to",
    "phone": "to",
    "recipient": "to",
    "destination": "to",
    "sender": "from",
    "source": "from",
    "at": "send_at",
    "schedule": "send_at",
    "validity": "expires",
    "operation": "op",
    "method": "op",
    "parameters": "args",
    "idgroup": "group",
    "idtemplate": "template",
    "countrycode": "country",
    "link": "via",
}


#: Characters of a name that may be meant for another one. Of a longer one the comparison takes long.
LONGEST_NAME = 60


def meant_field(name: str) -> str:
    """The field that somebody may have meant by this name; empty for none."""
    return _meant(name.lower()) if len(name) <= LONGEST_NAME else ""


@lru_cache(256)
def _meant(lowered: str) -> str:
    if lowered in _ALIASES:
        return _ALIASES[lowered]
    near = get_close_matches(lowered, [*FIELDS, *_ALIASES], n=1, cutoff=0.8)
    near = near or get_close_matches(lowered, FIELDS, n=1)
    return _ALIASES.get(near[0], near[0]) if near else ""


def advice(name: str) -> str:
    """What to do about a field of this name, which there is not."""
    if name == CAMPAIGN:
        return ": it goes before all messages, in the first line"
    if meant := meant_field(name):
        return f": did you mean {meant}?"
    return ": leave it out, or begin its name with x- to have it echoed"
