# ruff: noqa: RUF001 (characters that look alike are what some of this is about)
"""Text and long messages: what an SMSC sees, octet for octet, of what was handed in."""

from __future__ import annotations

import pytest
from trio.testing import MockClock

from smppd import events
from tests.pitfalls.raw import DELIVER_SM, RESPONSE, SUBMIT_SM, Frame, RawCall, message, pdu
from tests.pitfalls.rig import Rig
from tests.pitfalls.submits import Submit, refused, submitted, taken_apart

WHOLE = "@£$_€[]{}ñÇ§"


def coded(submits: list[Submit]) -> tuple[int, bytes]:
    (submit,) = submits
    assert submit.esm_class == 0
    return submit.data_coding, submit.text


def sizes(submits: list[Submit]) -> list[int]:
    return [len(submit.text) for submit in submits]


# ── alphabets ────────────────────────────────────────────────────────────────────────────────


SEPTETS = bytes.fromhex("000102111b651b3c1b3e1b281b297d095f")
PACKED = sum(septet << 7 * place for place, septet in enumerate(SEPTETS)).to_bytes(15, "little")


@pytest.mark.parametrize(
    ("data_coding_0", "data_coding", "octets", "encoding"),
    [
        ("gsm7", 0, SEPTETS, "gsm7"),
        ("gsm7_packed", 0, PACKED, "gsm7_packed"),
        ("latin1", 8, WHOLE.encode("utf-16-be"), "ucs2"),
        ("ascii", 8, WHOLE.encode("utf-16-be"), "ucs2"),
    ],
)
async def test_p65_data_coding_0_is_what_the_link_says(
    rig: Rig,
    autojump_clock: MockClock,
    data_coding_0: str,
    data_coding: int,
    octets: bytes,
    encoding: str,
) -> None:
    await rig.start(data_coding_0=data_coding_0)
    assert coded(await submitted(rig, id="m", text=WHOLE)) == (data_coding, octets)
    assert rig.show("m").result.encoding == encoding


@pytest.mark.parametrize(
    ("data_coding_0", "text", "octets"),
    [
        ("latin1", "@£$_[]{}ñÇ§á`", b"@\xa3$_[]{}\xf1\xc7\xa7\xe1`"),
        ("ascii", "@$_[]{}`", b"@$_[]{}`"),
    ],
)
async def test_p65_latin1_and_ascii_go_as_data_coding_0_where_they_are_that(
    rig: Rig, autojump_clock: MockClock, data_coding_0: str, text: str, octets: bytes
) -> None:
    await rig.start(data_coding_0=data_coding_0)
    assert coded(await submitted(rig, id="m", text=text)) == (0, octets)
    assert rig.show("m").result.encoding == data_coding_0
    assert (await refused(rig, encoding="gsm7"))["code"] == "BAD_ENCODING"


@pytest.mark.parametrize(
    ("data_coding_0", "octets"), [("gsm7", "68656c6c6f"), ("gsm7_packed", "e8329bfd06")]
)
async def test_p66_septets_go_one_to_an_octet_or_packed(
    rig: Rig, autojump_clock: MockClock, data_coding_0: str, octets: str
) -> None:
    await rig.start(data_coding_0=data_coding_0)
    assert coded(await submitted(rig, text="hello")) == (0, bytes.fromhex(octets))


async def test_p66_packed_parts_have_fill_bits_after_the_header(
    rig: Rig, autojump_clock: MockClock
) -> None:
    await rig.start(data_coding_0="gsm7_packed")
    text = ("0123456789" * 31)[:306]
    first, second = await submitted(rig, text=text)
    assert sizes([first, second]) == [140, 140]
    read = ""
    for part in (first, second):
        assert (part.esm_class, part.text[:3]) == (0x40, b"\x05\x00\x03")
        # 48 bits of header, one of nothing, and from there on a character every seven bits.
        bits = int.from_bytes(part.text, "little") >> 49
        read += "".join(chr(bits >> 7 * n & 0x7F) for n in range(153))
    assert read == text


async def test_p67_latin1_goes_as_3_only_when_asked_and_in_140_and_134(
    rig: Rig, autojump_clock: MockClock
) -> None:
    await rig.start()
    assert coded(await submitted(rig, text="á")) == (8, b"\x00\xe1")
    assert coded(await submitted(rig, text="á", encoding="latin1")) == (3, b"\xe1")
    assert sizes(await submitted(rig, text="á" * 140, encoding="latin1")) == [140]
    parts = await submitted(rig, text="á" * 141, encoding="latin1")
    assert [(part.data_coding, len(part.text)) for part in parts] == [(3, 140), (3, 6 + 7)]


#: 3GPP 23.038, 6.2.1, read by hand: character and septets.
GSM = (
    [(c, bytes((n,))) for n, c in enumerate("@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞ")]
    + [(c, bytes((n,))) for n, c in enumerate("ÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?", 0x1C)]
    + [(c, bytes((n,))) for n, c in enumerate("¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§", 0x40)]
    + [(c, bytes((n,))) for n, c in enumerate("¿abcdefghijklmnopqrstuvwxyzäöñüà", 0x60)]
    + [(c, bytes((0x1B, n))) for c, n in zip("\f^{}\\[~]|€", b"\x0a\x14\x28\x29\x2f\x3c\x3d\x3e\x40\x65", strict=True)]
)  # fmt: skip


async def test_p68_every_character_of_gsm_03_38_has_its_septet(
    rig: Rig, autojump_clock: MockClock
) -> None:
    assert len(GSM) == 127 + 10
    await rig.start()
    for start in range(0, len(GSM), 40):
        some = GSM[start : start + 40]
        text, octets = "".join(c for c, _ in some), b"".join(o for _, o in some)
        assert coded(await submitted(rig, text=text)) == (0, octets)


@pytest.mark.parametrize("data_coding_0", ["gsm7", "gsm7_packed"])
async def test_p68_every_character_that_leaves_comes_back_as_it_was(
    rig: Rig, autojump_clock: MockClock, data_coding_0: str
) -> None:
    await rig.start(data_coding_0=data_coding_0)
    texts = ["".join(c for c, _ in GSM[start : start + 40]) for start in range(0, len(GSM), 40)]
    for number, text in enumerate(texts, start=1):
        (submit,) = await submitted(rig, text=text)
        rig.smsc.say(pdu(DELIVER_SM, number, message(submit.text)))
        await rig.until(lambda: len(rig.received()) == number)  # noqa: B023 - awaited here
    assert [letter["text"] for letter in rig.received()] == texts


async def test_p68_what_has_no_septet_never_goes_as_one(
    rig: Rig, autojump_clock: MockClock
) -> None:
    await rig.start()
    for text in ("`", "\x1b", "\x1be", "á", "ç", "\t"):
        assert coded(await submitted(rig, text=text)) == (8, text.encode("utf-16-be"))
        assert (await refused(rig, text=text, encoding="gsm7"))["code"] == "BAD_ENCODING"


# ── where parts end ──────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("split", ["udh8", "udh16", "sar"])
async def test_p69_an_escape_and_its_character_stay_together(
    rig: Rig, autojump_clock: MockClock, split: str
) -> None:
    await rig.start(split=split)
    header = {"udh8": 6, "udh16": 7, "sar": 0}[split]
    full = 152 if split == "udh16" else 153
    first, second = await submitted(rig, text="a" * (full - 1) + "€" + "b" * 10)
    assert first.text[header:] == b"a" * (full - 1)
    assert second.text[header:] == b"\x1b\x65" + b"b" * 10


async def test_p69_an_extension_character_counts_as_two(
    rig: Rig, autojump_clock: MockClock
) -> None:
    await rig.start()
    assert sizes(await submitted(rig, text="€" * 80)) == [160]
    assert len(await submitted(rig, text="€" * 80 + "a")) == 2


@pytest.mark.parametrize("split", ["udh8", "udh16", "sar"])
async def test_p70_surrogate_pairs_and_what_reads_as_one_character_stay_together(
    rig: Rig, autojump_clock: MockClock, split: str
) -> None:
    await rig.start(split=split)
    header = {"udh8": 6, "udh16": 7, "sar": 0}[split]
    full = 66 if split == "udh16" else 67
    for whole in ("😀", "e\u0301", "👨\u200d👩\u200d👧", "🇪🇸"):
        text = "ж" * (full - 1) + whole + "ж" * 10
        parts = await submitted(rig, text=text)
        assert {part.data_coding for part in parts} == {8}
        read = [part.text[header:].decode("utf-16-be") for part in parts]
        assert read == ["ж" * (full - 1), whole + "ж" * 10]


async def test_p70_ucs2_is_big_endian_without_a_mark(rig: Rig, autojump_clock: MockClock) -> None:
    await rig.start()
    assert coded(await submitted(rig, text="ж😀")) == (8, bytes.fromhex("0436d83dde00"))


@pytest.mark.parametrize(
    ("char", "fields", "lengths"),
    [
        ("a", {}, {160: 1, 161: 2, 306: 2, 307: 3}),
        ("ж", {}, {70: 1, 71: 2, 134: 2, 135: 3}),
        ("á", {"encoding": "latin1"}, {140: 1, 141: 2, 268: 2, 269: 3}),
    ],
)
async def test_p71_parts_are_as_full_as_may_be(
    rig: Rig,
    autojump_clock: MockClock,
    char: str,
    fields: dict[str, str],
    lengths: dict[int, int],
) -> None:
    await rig.start()
    for length, parts in lengths.items():
        assert len(await submitted(rig, text=char * length, **fields)) == parts


async def test_p71_with_a_reference_of_16_bits_a_part_holds_one_less(
    rig: Rig, autojump_clock: MockClock
) -> None:
    await rig.start(split="udh16")
    for char, length, parts in (("a", 304, 2), ("a", 305, 3), ("ж", 132, 2), ("ж", 133, 3)):
        assert len(await submitted(rig, text=char * length)) == parts
    assert len(await submitted(rig, data="00" * 266)) == 2
    assert len(await submitted(rig, data="00" * 267)) == 3


async def test_p71_data_is_octets_not_units(rig: Rig, autojump_clock: MockClock) -> None:
    await rig.start()
    octets = bytes(range(256)) + bytes(13)
    parts = await submitted(rig, data=octets.hex())
    assert [(part.data_coding, len(part.text)) for part in parts] == [(4, 140), (4, 140), (4, 7)]
    assert b"".join(part.text[6:] for part in parts) == octets


# ── how parts are numbered ───────────────────────────────────────────────────────────────────


async def test_p72_parts_open_with_a_header_and_esm_class_says_so(
    rig: Rig, autojump_clock: MockClock
) -> None:
    await rig.start()
    parts = await submitted(rig, text="a" * 307)
    assert [part.esm_class for part in parts] == [0x40] * 3
    assert [part.text[:6] for part in parts] == [bytes((5, 0, 3, 1, 3, n)) for n in (1, 2, 3)]
    assert [part.tlvs for part in parts] == [()] * 3


async def test_p72_the_reference_may_have_16_bits(rig: Rig, autojump_clock: MockClock) -> None:
    await rig.start(split="udh16")
    parts = await submitted(rig, text="a" * 305)
    assert [part.text[:7] for part in parts] == [bytes((6, 8, 4, 0, 1, 3, n)) for n in (1, 2, 3)]
    assert [part.esm_class for part in parts] == [0x40] * 3


async def test_p72_tlvs_number_parts_without_a_header(rig: Rig, autojump_clock: MockClock) -> None:
    await rig.start(split="sar")
    parts = await submitted(rig, text="a" * 307, tlv={"0x1400": "7f"})
    assert [part.esm_class for part in parts] == [0] * 3
    assert sizes(parts) == [153, 153, 1]
    assert [part.tlvs for part in parts] == [
        ((0x020C, b"\0\1"), (0x020E, b"\3"), (0x020F, bytes((n,))), (0x1400, b"\x7f"))
        for n in (1, 2, 3)
    ]
    (short,) = await submitted(rig, text="a" * 160)
    assert short.tlvs == ()


@pytest.mark.parametrize("split", ["udh8", "sar", "payload"])
async def test_p72_a_header_of_the_clients_own_is_never_beside_the_tlvs(
    rig: Rig, autojump_clock: MockClock, split: str
) -> None:
    await rig.start(split=split)
    parts = await submitted(rig, data="00" * 200, udh="0605040b8423f0")
    assert [(part.esm_class, part.tlvs) for part in parts] == [(0x40, ())] * 2
    own = bytes.fromhex("05040b8423f0")
    assert [part.text[:12] for part in parts] == [bytes((11, 0, 3, 1, 2, n)) + own for n in (1, 2)]


def reference(frame: Frame) -> int:
    return taken_apart(frame).text[3]


async def test_p73_no_reference_comes_back_within_128_messages_not_even_over_a_crash(
    rig: Rig, autojump_clock: MockClock
) -> None:
    await rig.start(window=50)
    long = {"to": "+34600000001", "from": "ACME", "text": "x" * 161, "receipt": False}

    async def send(count: int) -> None:
        before = len(rig.smsc.submits)
        # Others' messages, long and short, in between.
        other = long | {"to": "+34600000002"}
        rig.hand_in(*[each for _ in range(count) for each in (long, other, long | {"text": "x"})])
        await rig.until(lambda: len(rig.smsc.submits) == before + 5 * count)

    await send(150)
    await rig.kill()
    await rig.start_again()
    await send(100)
    await rig.stop()  # with a snapshot
    await rig.start_again()
    await send(50)
    for to in (b"34600000001", b"34600000002"):
        parts = [
            frame
            for frame in rig.smsc.submits
            if taken_apart(frame).destination == to and taken_apart(frame).esm_class
        ]
        firsts = [reference(frame) for frame in parts[::2]]
        assert firsts == [reference(frame) for frame in parts[1::2]]
        assert len(firsts) == 300
        assert firsts == [n % 256 for n in range(1, 301)]


@pytest.mark.parametrize("split", ["udh8", "udh16", "sar", "payload"])
async def test_p74_more_than_255_parts_are_refused_never_cut(
    rig: Rig, autojump_clock: MockClock, split: str
) -> None:
    await rig.start(split=split)
    error = await refused(rig, text="a" * (153 * 255 + 1))
    assert error["code"] == "TOO_LONG"
    assert "needs 25" in error["text"]
    assert "255 are the most" in error["text"]


@pytest.mark.parametrize("split", ["udh8", "payload"])
async def test_p74_a_link_may_take_fewer(rig: Rig, autojump_clock: MockClock, split: str) -> None:
    await rig.start(split=split, max_parts=2)
    parts = await submitted(rig, text="a" * 306)
    octets = b"".join(part.text[6:] or dict(part.tlvs)[0x0424] for part in parts)
    assert octets == b"a" * 306
    error = await refused(rig, text="a" * 307)
    assert error["code"] == "TOO_LONG"
    assert "needs 3 parts, and 2 are the most" in error["text"]
    assert "max_parts" in error["text"]


async def test_p75_parts_stay_together_on_one_session_in_order(
    rig: Rig, autojump_clock: MockClock
) -> None:
    await rig.start(bound=2, sessions=2, window=2)
    held: list[tuple[RawCall, Frame]] = []

    def hold(call: RawCall, frame: Frame) -> bool:
        if frame.command_id == SUBMIT_SM:
            held.append((call, frame))
        return frame.command_id == SUBMIT_SM

    rig.smsc.on_frame = hold
    rig.hand_in(*[rig.sms(n, text="x" * 600, receipt=False) for n in range(1, 7)])
    while len(rig.smsc.submits) < 6 * 4:
        await rig.until(lambda: held)
        call, frame = held.pop()  # the newest first, so that the sessions go at different speeds
        call.accept(frame, rig.smsc.next_id())
        await rig.quiet()
    where: dict[bytes, list[RawCall]] = {}
    for call in rig.smsc.calls:
        order = [taken_apart(frame) for frame in call.heard(SUBMIT_SM)]
        for first in range(0, len(order), 4):
            message = order[first : first + 4]
            assert [submit.text[5] for submit in message] == [1, 2, 3, 4]
            assert len({submit.destination for submit in message}) == 1
            where.setdefault(message[0].destination, []).append(call)
        assert order
    assert sorted(map(len, where.values())) == [1] * 6


async def test_p75_a_throttled_part_goes_again_alone(rig: Rig, autojump_clock: MockClock) -> None:
    await rig.start()
    throttled: list[int] = []

    def throttle(call: RawCall, frame: Frame) -> bool:
        if frame.command_id != SUBMIT_SM or taken_apart(frame).text[5] != 2 or throttled:
            return False
        throttled.append(frame.sequence)
        call.say(pdu(SUBMIT_SM | RESPONSE, frame.sequence, status=0x58))
        return True

    rig.smsc.on_frame = throttle
    rig.hand_in(rig.sms(1, text="a" * 400, receipt=False))
    await rig.until(lambda: rig.states() == {"sent": 1})
    assert [taken_apart(frame).text[5] for frame in rig.smsc.submits] == [1, 2, 3, 2]
    assert len({reference(frame) for frame in rig.smsc.submits}) == 1
    assert len(rig.show("m1").result.message_ids) == 3


async def test_p75_parts_behind_a_throttled_one_go_after_it(
    rig: Rig, autojump_clock: MockClock
) -> None:
    await rig.start(window=1)
    refusals = [0x58]

    def throttle(call: RawCall, frame: Frame) -> bool:
        if frame.command_id != SUBMIT_SM or taken_apart(frame).text[5] != 2 or not refusals:
            return False
        call.say(pdu(SUBMIT_SM | RESPONSE, frame.sequence, status=refusals.pop()))
        return True

    rig.smsc.on_frame = throttle
    rig.hand_in(rig.sms(1, text="a" * 600, receipt=False))
    await rig.until(lambda: rig.states() == {"sent": 1})
    assert [taken_apart(frame).text[5] for frame in rig.smsc.submits] == [1, 2, 2, 3, 4]
    assert rig.show("m1").result.attempts == 1


@pytest.mark.parametrize(("window", "leave"), [(1, [1, 2]), (10, [1, 2, 3, 4])])
async def test_p75_after_a_part_was_refused_for_good_nothing_more_of_it_leaves(
    rig: Rig, autojump_clock: MockClock, window: int, leave: list[int]
) -> None:
    await rig.start(window=window)

    def refuse(call: RawCall, frame: Frame) -> bool:
        if frame.command_id != SUBMIT_SM or taken_apart(frame).text[5] == 1:
            return False
        status = 0x0B if taken_apart(frame).text[5] == 2 else 0x58
        call.say(pdu(SUBMIT_SM | RESPONSE, frame.sequence, status=status))
        return True

    rig.smsc.on_frame = refuse
    rig.hand_in(rig.sms(1, text="a" * 600, receipt=False))
    await rig.until(lambda: rig.states() == {"failed": 1})
    rig.skew += 3600
    await rig.until(lambda: rig.of(events.FileReported))
    story = rig.show("m1")
    assert story.result.error is not None
    assert (story.result.error.code, story.result.error.status) == ("ESME_RINVDSTADR", 0x0B)
    assert (story.result.parts, story.result.message_ids) == (4, ["1"])
    numbers = [taken_apart(frame).text[5] for frame in rig.smsc.submits]
    assert numbers == leave


# ── what is put for what ─────────────────────────────────────────────────────────────────────


async def test_p76_a_typographic_quote_need_not_halve_a_message(
    rig: Rig, autojump_clock: MockClock
) -> None:
    await rig.start()
    text = "It’s “so” – and\xa0á é" + "." * 100
    assert len(await submitted(rig, text=text)) == 2
    asked = coded(await submitted(rig, id="m", text=text, transliterate=True))
    assert asked == (0, b'It\'s "so" - and a \x05' + b"." * 100)
    result = rig.show("m").result
    assert (result.encoding, result.parts) == ("gsm7", 1)
    assert result.transliterated == {
        "’": "'", "“": '"', "”": '"', "–": "-", "\xa0": " ", "á": "a",
    }  # fmt: skip


async def test_p76_results_say_what_was_replaced_and_only_then(
    rig: Rig, autojump_clock: MockClock
) -> None:
    await rig.start(transliterate=True)
    fields = {"receipt": False, "x-a": 1}
    name = rig.hand_in(
        rig.sms(1, text="It’s", **fields),
        rig.sms(2, text="Its", **fields),
        rig.sms(3, text="It’s", transliterate=False, receipt=False),
        rig.sms(4, text="It’s 😀", receipt=False),
        rig.sms(5, text="e\u0301", receipt=False),
    )
    await rig.until(lambda: rig.has_results(name))
    lines = rig.results(name)
    assert [line.get("transliterated") for line in lines] == [
        {"’": "'"}, None, None, None, {"e\u0301": "é"},
    ]  # fmt: skip
    assert ["transliterated" in line for line in lines] == [True, False, False, False, True]
    assert [line["encoding"] for line in lines] == ["gsm7", "gsm7", "ucs2", "ucs2", "gsm7"]
    assert lines[0]["x-a"] == 1


async def test_p77_a_long_message_may_go_as_message_payload(
    rig: Rig, autojump_clock: MockClock
) -> None:
    await rig.start(split="payload")
    (submit,) = await submitted(rig, id="m", text="a" * 2000)
    assert (submit.esm_class, submit.text) == (0, b"")
    assert submit.tlvs == ((0x0424, b"a" * 2000),)
    result = rig.show("m").result
    assert (result.state, result.parts, len(result.message_ids)) == ("sent", 1, 1)
    (submit,) = await submitted(rig, text="ж" * 71)
    assert (submit.data_coding, submit.text) == (8, b"")
    assert submit.tlvs == ((0x0424, "ж".encode("utf-16-be") * 71),)
    (submit,) = await submitted(rig, data="00ff" * 150)
    assert (submit.data_coding, submit.tlvs) == (4, ((0x0424, b"\x00\xff" * 150),))
    assert coded(await submitted(rig, text="a" * 160)) == (0, b"a" * 160)


async def test_p77_more_messages_to_send_goes_only_when_asked_for(
    rig: Rig, autojump_clock: MockClock
) -> None:
    await rig.start()
    for part in await submitted(rig, text="a" * 400):
        assert part.tlvs == ()
    for part in await submitted(rig, text="a" * 400, tlv={"0x0426": "01"}):
        assert part.tlvs == ((0x0426, b"\1"),)


async def test_p78_an_empty_text_is_refused(rig: Rig, autojump_clock: MockClock) -> None:
    await rig.start()
    assert (await refused(rig, text=""))["code"] == "EMPTY_TEXT"
    assert (await refused(rig, text=None, data=""))["code"] == "EMPTY_TEXT"
    assert (await refused(rig, text=None))["code"] == "MISSING_TEXT"
