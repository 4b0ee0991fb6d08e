"""Framing and decoding: what no ESME may stumble over, in raw octets through the whole daemon."""

from __future__ import annotations

import resource
import struct
from typing import Any

import pytest
import trio
from trio.testing import MockClock

from smppd import events
from tests.pitfalls.raw import (
    BIND_TRANSCEIVER,
    DELIVER_SM,
    ENQUIRE_LINK,
    GENERIC_NACK,
    RESPONSE,
    SUBMIT_SM,
    Frame,
    RawCall,
    message,
    pdu,
    receipt,
    tlv,
)
from tests.pitfalls.rig import Rig

DELIVERED = DELIVER_SM | RESPONSE
RECEIPTED_MESSAGE_ID, MESSAGE_STATE, MESSAGE_PAYLOAD = 0x001E, 0x0427, 0x0424
SC_INTERFACE_VERSION, ADDITIONAL_STATUS_INFO_TEXT, DELIVERY_FAILURE_REASON = 0x0210, 0x001D, 0x0425


async def submit_one(rig: Rig, number: int = 1, **fields: Any) -> None:
    """Have a message taken by the SMSC, as "1" and so on."""
    rig.hand_in(rig.sms(number, **fields))
    await rig.until(lambda: rig.states().get("sent"))


async def still_alive(rig: Rig) -> None:
    """The session answers an enquire_link, and was never closed."""
    before = len(rig.call.heard(ENQUIRE_LINK | RESPONSE))
    rig.smsc.say(pdu(ENQUIRE_LINK, 0x7000 + before))
    await rig.until(lambda: len(rig.call.heard(ENQUIRE_LINK | RESPONSE)) > before)
    assert rig.call.heard(ENQUIRE_LINK | RESPONSE)[-1].sequence == 0x7000 + before
    assert len(rig.smsc.calls) == 1
    assert rig.call.closed_at is None


def answers(rig: Rig) -> list[tuple[int, int, bytes]]:
    """Sequence numbers, statuses and bodies of the deliver_sm_resp."""
    return [(frame.sequence, frame.status, frame.body) for frame in rig.call.heard(DELIVERED)]


# ── the stream ───────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("cut", [1, 3, 17, 0])
async def test_p01_pdus_cut_anywhere_and_many_in_one_piece(
    rig: Rig, autojump_clock: MockClock, cut: int
) -> None:
    await rig.start()
    pdus = [pdu(DELIVER_SM, n, message(b"%d" % n)) for n in range(1, 51)]
    rig.smsc.say(*pdus, cut=cut)
    await rig.until(lambda: len(answers(rig)) == 50)
    assert answers(rig) == [(n, 0, b"\0") for n in range(1, 51)]
    assert [letter["text"] for letter in rig.received()] == [str(n) for n in range(1, 51)]


async def test_p01_five_hundred_receipts_in_one_piece(rig: Rig, autojump_clock: MockClock) -> None:
    await rig.start(window=500)
    name = rig.hand_in(*(rig.sms(n) for n in range(1, 501)))
    await rig.until(lambda: rig.states() == {"sent": 500})
    rig.smsc.say(*(pdu(DELIVER_SM, n, receipt(str(n))) for n in range(1, 501)))
    await rig.until(lambda: rig.has_results(name))
    assert {line["state"] for line in rig.results(name)} == {"delivered"}
    assert [sequence for sequence, *_ in answers(rig)] == list(range(1, 501))


@pytest.mark.parametrize("length", [0, 4, 15])
async def test_p02_a_length_below_the_header_ends_the_session_once(
    rig: Rig, autojump_clock: MockClock, length: int
) -> None:
    await rig.start()
    broken = rig.call
    at = trio.current_time()
    # What follows looks like PDUs: nothing of it may be taken for one.
    broken.say(struct.pack(">L", length), pdu(DELIVER_SM, 5, message(b"no")))
    await rig.until(lambda: len(rig.smsc.calls) == 2)
    assert broken.frames[-1] == Frame(GENERIC_NACK, 0x02, 0, b"")
    assert len(broken.heard(GENERIC_NACK)) == 1
    assert broken.closed_at == at
    assert rig.call.opened_at > at
    (lost,) = rig.of(events.LinkLost)
    assert f"command_length {length}" in lost.reason
    assert (rig.figures().losses, rig.figures().frame_errors) == (1, 1)
    assert rig.received() == []


@pytest.mark.parametrize(
    "octets", [b"\x7f\xff\xff\xff", b"HTTP/1.1 400 Bad Request\r\n\r\n", b"AMQP\0\0\x09\x01"]
)
async def test_p03_a_length_out_of_all_proportion_ends_the_session_at_once(
    rig: Rig, autojump_clock: MockClock, octets: bytes
) -> None:
    await rig.start()
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    broken, at = rig.call, trio.current_time()
    broken.say(octets)
    await rig.until(lambda: len(rig.smsc.calls) == 2)
    assert broken.closed_at == at
    assert broken.heard(GENERIC_NACK) == [Frame(GENERIC_NACK, 0x02, 0, b"")]
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 20_000


async def test_p03_the_longest_payload_there_can_be_is_taken(
    rig: Rig, autojump_clock: MockClock
) -> None:
    await rig.start()
    rig.smsc.say(pdu(DELIVER_SM, 1, message(tlvs=tlv(MESSAGE_PAYLOAD, b"x" * 65535))), cut=1000)
    await rig.until(lambda: answers(rig))
    assert rig.received()[0]["text"] == "x" * 65535


async def test_p03_how_long_a_pdu_may_be_is_the_operators_word(
    rig: Rig, autojump_clock: MockClock
) -> None:
    await rig.start(max_pdu_length=1024)
    rig.smsc.say(pdu(DELIVER_SM, 1, message(b"x" * 250, tlvs=tlv(0x1400, bytes(600)))))
    await rig.until(lambda: answers(rig))
    rig.smsc.say(pdu(DELIVER_SM, 1, message(b"x" * 250, tlvs=tlv(0x1400, bytes(800)))))
    await rig.until(lambda: len(rig.smsc.calls) == 2)
    assert rig.figures().frame_errors == 1


async def test_p04_half_a_pdu_and_then_silence_ends_the_session(
    rig: Rig, autojump_clock: MockClock
) -> None:
    await rig.start(enquire_link_interval=600.0)
    broken, at = rig.call, trio.current_time()
    broken.say(pdu(DELIVER_SM, 1, message(b"never"))[:10])
    await rig.until(lambda: broken.closed_at is not None)
    assert broken.closed_at is not None
    assert 9 < broken.closed_at - at < 12
    await rig.until(lambda: len(rig.smsc.calls) == 2)
    assert "half a PDU" in rig.of(events.LinkLost)[0].reason


async def test_p05_an_unknown_command_is_nacked_and_the_session_lives(
    rig: Rig, autojump_clock: MockClock
) -> None:
    await rig.start()
    rig.smsc.say(pdu(0x00010200, sequence=5))
    await rig.until(lambda: rig.call.heard(GENERIC_NACK))
    assert rig.call.heard(GENERIC_NACK) == [Frame(GENERIC_NACK, 0x03, 5, b"")]
    await still_alive(rig)


async def test_p05_an_unknown_response_is_dropped_and_counted(
    rig: Rig, autojump_clock: MockClock
) -> None:
    await rig.start()
    rig.smsc.say(pdu(0x80010200, sequence=5))
    await still_alive(rig)
    assert rig.call.heard(GENERIC_NACK) == []
    assert rig.figures().oddities == 1


# ── TLVs ─────────────────────────────────────────────────────────────────────────────────────


async def test_p06_unknown_tlvs_are_ignored_wherever_they_stand(
    rig: Rig, autojump_clock: MockClock
) -> None:
    strange = tlv(0x1400, b"\1\2") + tlv(0x0599, b"") + tlv(0x3FFF, b"x" * 300)

    def embellished(call: RawCall, frame: Frame) -> bool:
        if frame.command_id == BIND_TRANSCEIVER:
            call.say(pdu(BIND_TRANSCEIVER | RESPONSE, frame.sequence, b"SMSC\0" + strange))
        elif frame.command_id == SUBMIT_SM:
            call.say(pdu(SUBMIT_SM | RESPONSE, frame.sequence, b"1\0" + strange))
        else:
            return False
        return True

    rig.smsc.on_frame = embellished
    await rig.start()
    await submit_one(rig)
    rig.smsc.say(pdu(DELIVER_SM, 1, receipt("1", tlvs=strange)))
    rig.smsc.say(pdu(DELIVER_SM, 2, message(b"Hola", tlvs=strange)))
    await rig.until(lambda: rig.states() == {"delivered": 1} and len(answers(rig)) == 2)
    (letter,) = rig.received()
    assert letter["tlvs"] == {"0x1400": "0102", "0x0599": "", "0x3FFF": (b"x" * 300).hex()}
    await still_alive(rig)


async def test_p07_known_tlvs_where_they_do_not_belong_are_ignored(
    rig: Rig, autojump_clock: MockClock
) -> None:
    def informative(call: RawCall, frame: Frame) -> bool:
        if frame.command_id != SUBMIT_SM:
            return False
        why = tlv(ADDITIONAL_STATUS_INFO_TEXT, b"fine\0")
        call.say(pdu(SUBMIT_SM | RESPONSE, frame.sequence, b"1\0" + why))
        return True

    rig.smsc.on_frame = informative
    await rig.start()
    await submit_one(rig)
    rig.smsc.say(pdu(DELIVER_SM, 1, receipt("1", tlvs=tlv(SC_INTERFACE_VERSION, b"\x34"))))
    await rig.until(lambda: rig.states() == {"delivered": 1})
    await still_alive(rig)


@pytest.mark.parametrize(
    "broken",
    [
        tlv(MESSAGE_STATE, b"\0\0\0\2"),
        tlv(MESSAGE_STATE, b""),
        tlv(RECEIPTED_MESSAGE_ID, b"", length=4000),
        tlv(MESSAGE_STATE, b"\5", length=2),
        b"\0",
        b"\4\x27",
        b"\4\x27\0",
    ],
    ids=["wide", "empty", "beyond", "one-beyond", "one-octet", "two-octets", "three-octets"],
)
async def test_p08_a_tlv_of_the_wrong_length_harms_nothing_else(
    rig: Rig, autojump_clock: MockClock, broken: bytes
) -> None:
    await rig.start()
    rig.hand_in(rig.sms(1), rig.sms(2))
    await rig.until(lambda: rig.states() == {"sent": 2})
    rig.smsc.say(pdu(DELIVER_SM, 1, receipt("1", tlvs=broken)), pdu(DELIVER_SM, 2, receipt("2")))
    await rig.until(lambda: len(answers(rig)) == 2)
    assert answers(rig) == [(1, 0, b"\0"), (2, 0, b"\0")]
    assert rig.states() == {"delivered": 2}
    await still_alive(rig)


@pytest.mark.parametrize("value", [b"ab12\0", b"ab12", b"ab12\0\0", b"ab12\0xyz"])
async def test_p09_a_c_string_in_a_tlv_is_its_octets_up_to_a_nul(
    rig: Rig, autojump_clock: MockClock, value: bytes
) -> None:
    rig.smsc.next_id = lambda: "ab12"  # type: ignore[method-assign]
    await rig.start()
    await submit_one(rig)
    tlvs = tlv(RECEIPTED_MESSAGE_ID, value) + tlv(MESSAGE_STATE, b"\2")
    rig.smsc.say(pdu(DELIVER_SM, 1, message(esm_class=4, tlvs=tlvs)))
    await rig.until(lambda: rig.states() == {"delivered": 1})
    assert [line["message_id"] for line in rig.receipts()] == ["ab12"]


async def test_p09_a_receipted_message_id_of_no_octets_leaves_that_of_the_text(
    rig: Rig, autojump_clock: MockClock
) -> None:
    await rig.start()
    await submit_one(rig)
    tlvs = tlv(RECEIPTED_MESSAGE_ID, b"") + tlv(MESSAGE_STATE, b"\2")
    rig.smsc.say(pdu(DELIVER_SM, 1, receipt("1", tlvs=tlvs)))
    await rig.until(lambda: rig.states() == {"delivered": 1})


# ── mandatory fields ─────────────────────────────────────────────────────────────────────────


async def test_p10_an_address_longer_than_the_specification_is_taken_whole(
    rig: Rig, autojump_clock: MockClock
) -> None:
    await rig.start()
    rig.smsc.say(pdu(DELIVER_SM, 1, message(b"Hola", source=b"9" * 40)))
    await rig.until(lambda: answers(rig))
    (letter,) = rig.received()
    assert (letter["source"], letter["text"]) == ("9" * 40, "Hola")
    assert answers(rig) == [(1, 0, b"\0")]


@pytest.mark.parametrize("body", [b"no NUL anywhere", b"", b"\0\1\x01346", message(b"Hola")[:20]])
async def test_p10_a_body_that_cannot_be_read_is_kept_and_refused_alone(
    rig: Rig, autojump_clock: MockClock, body: bytes
) -> None:
    await rig.start()
    broken = pdu(DELIVER_SM, 7, body)
    rig.smsc.say(broken, pdu(DELIVER_SM, 8, message(b"Hola")))
    await rig.until(lambda: len(answers(rig)) == 2)
    assert answers(rig) == [(7, 0x66, b"\0"), (8, 0, b"\0")]
    unreadable, letter = rig.received()
    assert (unreadable["kind"], unreadable["data"]) == ("unreadable", broken.hex())
    assert letter["text"] == "Hola"
    await still_alive(rig)


async def test_p10_an_unreadable_body_that_cannot_be_kept_is_to_come_again(
    rig: Rig, autojump_clock: MockClock
) -> None:
    await rig.start()
    new = rig.root / "received" / "new"
    new.rename(rig.root / "away")
    rig.smsc.say(pdu(DELIVER_SM, 7, b"no NUL anywhere"))
    await rig.until(lambda: answers(rig))
    assert answers(rig) == [(7, 0x64, b"\0")]


@pytest.mark.parametrize(
    ("sm_length", "spare", "text"),
    [(200, b"", "Hola"), (3, b"", "Hol"), (4, b"\0", "Hola"), (4, b"\0" * 4, "Hola")],
    ids=["too-large", "one-short", "a-spare-octet", "four-spare-octets"],
)
async def test_p11_a_text_is_as_long_as_sm_length_and_the_pdu_allow(
    rig: Rig, autojump_clock: MockClock, sm_length: int, spare: bytes, text: str
) -> None:
    await rig.start()
    body = bytearray(message(b"Hola"))
    body[-5] = sm_length
    rig.smsc.say(pdu(DELIVER_SM, 1, bytes(body) + spare), pdu(DELIVER_SM, 2, message(b"next")))
    await rig.until(lambda: len(answers(rig)) == 2)
    assert answers(rig) == [(1, 0, b"\0"), (2, 0, b"\0")]
    assert [letter["text"] for letter in rig.received()] == [text, "next"]
    assert all("tlvs" not in letter for letter in rig.received())
    await still_alive(rig)


async def test_p12_a_receipt_may_come_as_payload_only(rig: Rig, autojump_clock: MockClock) -> None:
    await rig.start()
    await submit_one(rig)
    text = b"id:1 sub:001 dlvrd:001 submit date:2611210000 done date:2611210001 stat:DELIVRD err:0"
    rig.smsc.say(pdu(DELIVER_SM, 1, message(esm_class=4, tlvs=tlv(MESSAGE_PAYLOAD, text))))
    await rig.until(lambda: rig.states() == {"delivered": 1})
    assert rig.received() == []


@pytest.mark.parametrize("split", ["udh8", "payload"])
async def test_p12_300_octets_never_stand_in_short_message(
    rig: Rig, autojump_clock: MockClock, split: str
) -> None:
    octets = bytes(range(1, 251)) + bytes(50)
    await rig.start(split=split)
    rig.hand_in({"to": "+34600000001", "data": octets.hex(), "encoding": "binary", "id": "m1"})
    await rig.until(lambda: rig.states() == {"sent": 1})
    carried = b""
    for frame in rig.smsc.submits:
        text, rest = short_message(frame.body)
        assert len(text) <= 140
        if split == "payload":
            assert text == b""
            (carried,) = [value for tag, value in tlvs_of(rest) if tag == MESSAGE_PAYLOAD]
        else:
            carried += text[6:]
    assert carried == octets


def short_message(body: bytes) -> tuple[bytes, bytes]:
    """The short_message of a submit_sm, and what follows it."""
    _, _, rest = body.partition(b"\0")
    for _ in "source", "destination":
        _, _, rest = rest[2:].partition(b"\0")
    rest = rest[3:]
    for _ in "schedule", "validity":
        _, _, rest = rest.partition(b"\0")
    length = rest[4]
    return rest[5 : 5 + length], rest[5 + length :]


def tlvs_of(octets: bytes) -> list[tuple[int, bytes]]:
    """The TLVs that these octets are."""
    found = []
    while octets:
        tag, length = struct.unpack_from(">HH", octets)
        found.append((tag, octets[4 : 4 + length]))
        octets = octets[4 + length :]
    return found


# ── responses ────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    "body",
    [b"", b"0A00\0", tlv(DELIVERY_FAILURE_REASON, b"\1"), b"0A00"],
    ids=["none", "message_id", "only-a-tlv", "no-nul"],
)
async def test_p13_a_refusal_counts_whatever_its_body(
    rig: Rig, autojump_clock: MockClock, body: bytes
) -> None:
    def refusing(call: RawCall, frame: Frame) -> bool:
        if frame.command_id != SUBMIT_SM:
            return False
        call.say(pdu(SUBMIT_SM | RESPONSE, frame.sequence, body, status=0x0B))
        return True

    rig.smsc.on_frame = refusing
    await rig.start()
    name = rig.hand_in(rig.sms(1))
    await rig.until(lambda: rig.has_results(name))
    (line,) = rig.results(name)
    assert line["state"] == "failed"
    assert (line["error"]["status"], line["message_ids"]) == (0x0B, [])
    await still_alive(rig)


@pytest.mark.parametrize("body", [b"\0", b""], ids=["empty", "nothing"])
async def test_p14_an_acceptance_without_a_message_id_is_one_and_is_not_repeated(
    rig: Rig, autojump_clock: MockClock, body: bytes
) -> None:
    def nameless(call: RawCall, frame: Frame) -> bool:
        if frame.command_id != SUBMIT_SM:
            return False
        call.say(pdu(SUBMIT_SM | RESPONSE, frame.sequence, body))
        return True

    rig.smsc.on_frame = nameless
    await rig.start()
    await submit_one(rig)
    assert rig.figures().nameless == 1
    await rig.kill()
    await rig.start_again()
    await trio.sleep(120)
    assert rig.state("m1") == "sent"
    assert len(rig.smsc.submits) == 1


@pytest.mark.parametrize("body", [b"", b"SMSC", b"SMSC\0", b"\0\2\x10\0\1\x34"])
async def test_p15_a_bind_response_may_lack_what_the_specification_demands(
    rig: Rig, autojump_clock: MockClock, body: bytes
) -> None:
    def terse(call: RawCall, frame: Frame) -> bool:
        if frame.command_id != BIND_TRANSCEIVER:
            return False
        call.say(pdu(BIND_TRANSCEIVER | RESPONSE, frame.sequence, body))
        return True

    rig.smsc.on_frame = terse
    await rig.start()
    await submit_one(rig)
    assert rig.figures().bound == 1


async def test_p15_a_deliver_sm_resp_is_17_octets(rig: Rig, autojump_clock: MockClock) -> None:
    await rig.start()
    at = len(rig.call.octets)
    rig.smsc.say(pdu(DELIVER_SM, 9, message(b"Hola")))
    await rig.until(lambda: answers(rig))
    assert bytes(rig.call.octets[at:]) == pdu(DELIVERED, 9, b"\0")
    assert len(rig.call.octets) - at == 17


@pytest.mark.parametrize("number", [0, 0x80000000, 0xFFFFFFFF])
async def test_p16_the_peers_sequence_numbers_come_back_as_they_are(
    rig: Rig, autojump_clock: MockClock, number: int
) -> None:
    await rig.start()
    rig.smsc.say(pdu(DELIVER_SM, number, message(b"Hola")), pdu(ENQUIRE_LINK, number))
    await rig.until(lambda: answers(rig) and rig.call.heard(ENQUIRE_LINK | RESPONSE))
    assert answers(rig) == [(number, 0, b"\0")]
    assert rig.call.heard(ENQUIRE_LINK | RESPONSE) == [
        Frame(ENQUIRE_LINK | RESPONSE, 0, number, b"")
    ]


async def test_p17_reserved_values_do_not_spoil_a_receipt(
    rig: Rig, autojump_clock: MockClock
) -> None:
    await rig.start()
    await submit_one(rig)
    tlvs = tlv(RECEIPTED_MESSAGE_ID, b"1\0") + tlv(MESSAGE_STATE, b"\x09")
    body = bytearray(message(b"", esm_class=4, tlvs=tlvs))
    body[1] = 7  # source_addr_ton
    body[body.index(b"ACME\0") + 5 + 2] = 9  # priority_flag
    rig.smsc.say(pdu(DELIVER_SM, 1, bytes(body)))
    await rig.until(lambda: answers(rig))
    assert answers(rig) == [(1, 0, b"\0")]
    assert rig.states() == {"undelivered": 1}
    assert [line["state"] for line in rig.receipts()] == ["skipped"]
