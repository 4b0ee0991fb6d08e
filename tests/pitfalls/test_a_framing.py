"""Framing and decoding: what no ESME may stumble over, in raw octets through the real link."""

from __future__ import annotations

from trio.testing import MockClock

from tests.pitfalls.raw import ENQUIRE_LINK, GENERIC_NACK, RESPONSE, pdu
from tests.pitfalls.rig import Rig


async def test_p05_an_unknown_command_is_nacked_and_the_session_lives(
    rig: Rig, autojump_clock: MockClock
) -> None:
    await rig.start()
    rig.smsc.say(pdu(0x00010200, sequence=5), pdu(ENQUIRE_LINK, sequence=6))
    await rig.until(lambda: rig.call.heard(ENQUIRE_LINK | RESPONSE))
    (nack,) = rig.call.heard(GENERIC_NACK)
    assert (nack.status, nack.sequence, nack.body) == (0x03, 5, b"")
    assert rig.call.heard(ENQUIRE_LINK | RESPONSE)[0].sequence == 6
    rig.hand_in(rig.sms(1))
    await rig.until(lambda: rig.states() == {"sent": 1})
    assert rig.call.closed_at is None
