"""Section F: user_message_reference settles what is in doubt."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

from tests.pitfalls.delivering import (
    REFERENCE,
    STATE,
    deliver,
    in_doubt,
)
from tests.pitfalls.raw import (
    message,
    receipt,
    tlv,
)
from tests.pitfalls.rig import Rig

if TYPE_CHECKING:
    from trio.testing import MockClock


def references(rig: Rig) -> list[int]:
    """The user_message_reference of each submit_sm, in order."""
    marks = [frame.body.rfind(struct.pack(">HH", REFERENCE, 2)) for frame in rig.smsc.submits]
    return [
        struct.unpack_from(">H", frame.body, at + 4)[0]
        for frame, at in zip(rig.smsc.submits, marks, strict=True)
    ]


async def test_p87_the_reference_settles_what_is_in_doubt(
    rig: Rig, autojump_clock: MockClock
) -> None:
    await rig.start(window=10, user_message_reference=True)
    same = {"to": "+34600000001", "text": "Hola"}
    await in_doubt(rig, rig.sms(1, **same), rig.sms(2, **same), rig.sms(3, **same))
    given = references(rig)
    assert len(set(given)) == 3
    tlvs = tlv(REFERENCE, struct.pack(">H", given[1]))
    await deliver(rig, receipt("q1", tlvs=tlvs))
    assert [rig.state(f"m{n}") for n in (1, 2, 3)] == ["unknown", "delivered", "unknown"]
    await rig.kill()
    await rig.start_again()
    tlvs = tlv(REFERENCE, struct.pack(">H", given[0])) + tlv(STATE, b"\5")
    await deliver(rig, message(b"", source=b"34600000001", esm_class=4, tlvs=tlvs))
    assert [rig.state(f"m{n}") for n in (1, 2, 3)] == ["undelivered", "delivered", "unknown"]
    tlvs = tlv(REFERENCE, struct.pack(">H", (given[2] + 1000) & 0xFFFF))
    await deliver(rig, receipt("q9", tlvs=tlvs))
    assert rig.state("m3") == "unknown", "another's reference"


async def test_p87_parts_have_references_of_their_own_and_a_client_may_bring_one(
    rig: Rig, autojump_clock: MockClock
) -> None:
    await rig.start(window=10, user_message_reference=True)
    rig.hand_in(rig.sms(1, text="x" * 400), rig.sms(2, tlv={"0x0204": "abcd"}))
    await rig.until(lambda: rig.states() == {"sent": 2})
    given = references(rig)
    assert len(set(given)) == 4
    assert given[3] == 0xABCD
    assert all(
        frame.body.count(struct.pack(">HH", REFERENCE, 2)) == 1 for frame in rig.smsc.submits
    )
