"""What a session answers by itself: the plain response to a request, and to what is wrong.

Pure functions: a PDU and the state in, octets and a remark out. What is refused never reaches
the session's holder except as a remark. Nothing here raises.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache
from typing import NamedTuple, cast

from smppd.smpp.codec import Decoded, Undecodable, encode
from smppd.smpp.pdu import RESPONSE_TO, BindTransceiverResp, GenericNack, Request
from smppd.smpp.session_events import Received
from smppd.smpp.session_states import BINDS, NOTIFICATIONS, Role, SessionState, welcome
from smppd.smpp.vocabulary import CommandId, CommandStatus

#: What brings messages to an ESME: it keeps the octets of what cannot be read before it answers.
_DELIVERIES = frozenset({CommandId.DELIVER_SM, CommandId.DATA_SM})


class Refusal(NamedTuple):
    """Why a request goes no further, and the octets that tell the peer so, if it is told now."""

    why: str
    reply: bytes = b""


def command_name(command_id: int) -> str:
    """The specification's name of a PDU, or its number."""
    try:
        return CommandId(command_id).name.lower()
    except ValueError:
        return f"command_id 0x{command_id:08X}"


def plain_response(command_id: int, sequence_number: int, status: int) -> bytes:
    """The response to such a request, with no more in it than its kind demands.

    The peer's sequence_number is given back as it came, whatever its range.
    """
    before, after = _around_sequence_number(command_id, status)
    return before + sequence_number.to_bytes(4, "big") + after


def plain_responses(requests: Iterable[Received]) -> bytes:
    """The responses to requests that were taken as they are, in their order."""
    octets: list[bytes] = []
    command_id, before, after = -1, b"", b""
    for request in requests:
        if request.command_id != command_id:
            command_id = request.command_id
            before, after = _around_sequence_number(command_id, 0)
        octets.append(before + request.sequence_number.to_bytes(4, "big") + after)
    return b"".join(octets)


@lru_cache(maxsize=1024)
def _around_sequence_number(command_id: int, status: int) -> tuple[bytes, bytes]:
    octets = encode(RESPONSE_TO[CommandId(command_id)](), 0, status)
    return octets[:12], octets[16:]


def bind_response(
    request: Request, sequence_number: int, system_id: str, tlvs: tuple[tuple[int, bytes], ...]
) -> bytes:
    """The acceptance of a bind request (3.4, 4.1)."""
    response = cast("type[BindTransceiverResp]", RESPONSE_TO[request.command_id])
    return encode(response(system_id=system_id, tlvs=tlvs), sequence_number)


def generic_nack(sequence_number: int, status: int) -> bytes:
    """3.4, 4.3."""
    return encode(GenericNack(), sequence_number, status)


def refuse(received: Decoded | Undecodable, sender: Role, state: SessionState) -> Refusal | None:
    """What is wrong with a request or notification; None when it is welcome."""
    command_id = received.header.command_id
    number = received.header.sequence_number
    name = command_name(command_id)
    if command_id not in RESPONSE_TO and command_id not in NOTIFICATIONS:
        reply = generic_nack(number, CommandStatus.ESME_RINVCMDID)
        return Refusal(f"{name} is unknown: answered with generic_nack", reply)
    if command_id not in welcome(state, sender):
        why = f"{name} from the {sender.value} while {state.value}"
        return _refusal(command_id, number, _status_when_illegal(command_id, state), why)
    if isinstance(received, Undecodable):
        why = f"{name} that cannot be read ({received.why}): {received.raw.hex()}"
        if sender is Role.SMSC and command_id in _DELIVERIES:
            return Refusal(f"{why}: kept as it is")
        return _refusal(command_id, number, CommandStatus.ESME_RX_R_APPN, why)
    return None


def _status_when_illegal(command_id: int, state: SessionState) -> CommandStatus:
    if command_id in BINDS and state is not SessionState.OPEN:
        return CommandStatus.ESME_RALYBND
    return CommandStatus.ESME_RINVBNDSTS


def _refusal(command_id: int, number: int, status: CommandStatus, why: str) -> Refusal:
    if command_id in NOTIFICATIONS:
        return Refusal(f"{why}: ignored")
    return Refusal(f"{why}: answered {status.name}", plain_response(command_id, number, status))


def stray_response(received: Decoded | Undecodable, expected: int | None) -> str:
    """A remark about a response that answers nothing, or not what it says."""
    header = received.header
    what = f"{command_name(header.command_id)} with sequence_number {header.sequence_number}"
    if expected is None:
        return f"{what} answers nothing that is outstanding: ignored"
    return f"{what} where {command_name(expected)} was due: ignored"


def unreadable_response(received: Undecodable) -> str:
    """A remark about a response of which only the header could be read."""
    name = command_name(received.header.command_id)
    return f"{name} whose body cannot be read ({received.why}): {received.raw.hex()}"
