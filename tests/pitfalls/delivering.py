"""What the tests of receipts share: an SMSC that names messages as told, and delivers receipts."""

from __future__ import annotations

from typing import Any

from tests.pitfalls.raw import DELIVER_SM, RESPONSE, SUBMIT_SM, Frame, RawCall, pdu
from tests.pitfalls.rig import Rig

#: Tags of TLVs in receipts.
ID, STATE, ERROR, REFERENCE, PAYLOAD = 0x1E, 0x427, 0x423, 0x204, 0x424

#: What a receipt is answered, whoever it is about: any refusal may end all traffic to a handset.
OK = 0


def handset(number: int) -> bytes:
    """The destination of `rig.sms(number)`."""
    return b"346%08d" % number


def naming(rig: Rig, *ids: str) -> None:
    """Have the SMSC answer submits with these message_ids, in this order."""
    left = list(ids)

    def answer(call: RawCall, frame: Frame) -> bool:
        if frame.command_id != SUBMIT_SM or not left:
            return False
        call.accept(frame, left.pop(0))
        return True

    rig.smsc.on_frame = answer


async def sent(rig: Rig, *ids: str, **fields: Any) -> str:
    """Hand in a message for each id and see it taken under that; the file's name."""
    naming(rig, *ids)
    name = rig.hand_in(*(rig.sms(n, **fields) for n in range(1, len(ids) + 1)))
    await rig.until(lambda: rig.states() == {"sent": len(ids)})
    return name


async def deliver(rig: Rig, body: bytes, command: int = DELIVER_SM) -> Frame:
    """Have the SMSC deliver this and see it acknowledged; the response."""
    heard = sum(len(call.heard(command | RESPONSE)) for call in rig.smsc.calls)
    rig.smsc.say(pdu(command, 1000 + heard, body))
    await rig.until(lambda: len(rig.call.heard(command | RESPONSE)) > 0)
    await rig.until(
        lambda: sum(len(call.heard(command | RESPONSE)) for call in rig.smsc.calls) > heard
    )
    response = rig.call.heard(command | RESPONSE)[-1]
    assert response.sequence == 1000 + heard
    assert response.status == OK
    return response


async def in_doubt(rig: Rig, *messages: dict[str, Any]) -> None:
    """Submit these, and lose the link before any answer."""
    rig.smsc.accepting = False
    rig.hand_in(*messages)
    await rig.until(lambda: len(rig.smsc.submits) >= len(messages))
    rig.call.drop()
    await rig.until(lambda: len(rig.smsc.calls) == 2 and rig.figures().bound)
