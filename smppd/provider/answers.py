"""What comes back from a call, as values, and what may be read from it. Pure; raises nothing."""

from __future__ import annotations

import msgspec

from smppd.provider.catalogue import COMMON_ERRORS
from smppd.provider.operation import Operation

#: What was not documented and cannot be sent again without knowing more.
NO_CREDITS = "NO_CREDITS"
INCORRECT_USER_PASSWORD = "INCORRECT_USER_PASSWORD"  # noqa: S105 (a code of the provider's)


class Success(msgspec.Struct, frozen=True):
    """It was done. `result` is the JSON of the answer's `result`, as it came; b"null" for none."""

    result: bytes


class Failure(msgspec.Struct, frozen=True):
    """The provider refused with this code. `text` is its documented meaning, or what it said."""

    code: str
    text: str = ""


class NoAnswer(msgspec.Struct, frozen=True):
    """No answer that can be read. `sent`: the request may have arrived, so what it sends may be
    on its way; otherwise not one octet of it left."""

    reason: str
    sent: bool


Answer = Success | Failure | NoAnswer


class Taken(msgspec.Struct, frozen=True):
    """A message that the provider took: its message_id, and to whom."""

    message_id: str
    to: str


def meaning(operation: Operation, code: str) -> str:
    """What the documents say of an error code; nothing for one that they do not have."""
    return operation.errors.get(code) or COMMON_ERRORS.get(code, "")
