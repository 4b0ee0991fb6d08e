"""Cutting: parts full to their limits, and no character hurt."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smppd.smpp import gsm7
from smppd.smpp.cutting import BadHeader, Cut, Manner, TooLong, count_parts, cut
from smppd.smpp.text import Encoded, binary, choose, decode_text

GSM_TEXT = st.text(st.sampled_from(gsm7.ALPHABET.replace("\x1b", "") + "".join(gsm7.EXTENSION)))
CLUSTERS = st.sampled_from(
    [
        "ж",
        "中",
        "é",
        "e\u0301",
        "😀",
        "👍🏽",
        "👨\u200d👩\u200d👧",
        "🇪🇸",
        "1\ufe0f\u20e3",
        "ç\u0327\u0301",
    ]
)
WIDE_TEXT = st.lists(CLUSTERS, max_size=400).map("".join)


def encoded(text: str, encoding: str = "auto", default: str = "gsm7") -> Encoded:
    chosen = choose(text, encoding, default)
    assert isinstance(chosen, Encoded)
    return chosen


def split(message: Encoded, reference: int, wide: bool = False) -> tuple[bytes, ...] | TooLong:
    done = cut(message, Manner("udh16" if wide else "udh8"), lambda: reference)
    assert not isinstance(done, BadHeader)
    if isinstance(done, TooLong):
        return done
    assert (done.sar, done.payload) == (None, None)
    assert done.udhi == (len(done.segments) > 1)
    return done.segments


def split_with_header(
    message: Encoded, udh: bytes, reference: int, wide: bool = False
) -> tuple[bytes, ...] | TooLong | BadHeader:
    done = cut(message, Manner("udh16" if wide else "udh8"), lambda: reference, udh)
    if not isinstance(done, Cut):
        return done
    assert done.udhi
    return done.segments


def split_binary(
    octets: bytes, udh: bytes | None, reference: int, wide: bool = False
) -> tuple[bytes, ...] | TooLong | BadHeader:
    if udh is None:
        return split(binary(octets), reference, wide)
    return split_with_header(binary(octets), udh, reference, wide)


def parts_of(text: str, wide: bool = False) -> tuple[bytes, ...]:
    parts = split(encoded(text), 7, wide)
    assert isinstance(parts, tuple)
    return parts


def read(parts: tuple[bytes, ...], data_coding: int, default: str = "gsm7") -> list[str]:
    return [decode_text(part, data_coding, len(parts) > 1, default) for part in parts]


# ── cutting ─────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("char", "encoding", "length", "narrow", "wide"),
    [
        ("a", "gsm7", 160, 1, 1),
        ("a", "gsm7", 161, 2, 2),
        ("a", "gsm7", 304, 2, 2),
        ("a", "gsm7", 305, 2, 3),
        ("a", "gsm7", 306, 2, 3),
        ("a", "gsm7", 307, 3, 3),
        ("é", "latin1", 140, 1, 1),
        ("é", "latin1", 141, 2, 2),
        ("é", "latin1", 267, 2, 3),
        ("é", "latin1", 268, 2, 3),
        ("é", "latin1", 269, 3, 3),
        ("ж", "ucs2", 70, 1, 1),
        ("ж", "ucs2", 71, 2, 2),
        ("ж", "ucs2", 133, 2, 3),
        ("ж", "ucs2", 134, 2, 3),
        ("ж", "ucs2", 135, 3, 3),
    ],
)
def test_parts_are_full_to_their_limits(
    char: str, encoding: str, length: int, narrow: int, wide: int
) -> None:
    message = encoded(char * length, encoding)

    assert (count_parts(message), count_parts(message, wide=True)) == (narrow, wide)
    assert len(split(message, 1)) == narrow  # type: ignore[arg-type]
    assert len(split(message, 1, wide=True)) == wide  # type: ignore[arg-type]


def test_one_part_has_no_header_and_several_have_one_each() -> None:
    assert split(encoded("hello"), 0x1234) == (b"hello",)
    assert split(encoded("a" * 153 + "b"), 0x1234) == (b"a" * 153 + b"b",)
    assert split(encoded("a" * 160 + "b"), 0x1234) == (
        b"\x05\x00\x03\x34\x02\x01" + b"a" * 153,
        b"\x05\x00\x03\x34\x02\x02" + b"a" * 7 + b"b",
    )
    assert split(encoded("a" * 160 + "b"), 0x51234, wide=True) == (
        b"\x06\x08\x04\x12\x34\x02\x01" + b"a" * 152,
        b"\x06\x08\x04\x12\x34\x02\x02" + b"a" * 8 + b"b",
    )


def test_an_escape_pair_moves_to_the_next_part_whole() -> None:
    first, second = parts_of("x" * 152 + "€" + "y" * 10)

    assert first == b"\x05\x00\x03\x07\x02\x01" + b"x" * 152
    assert second == b"\x05\x00\x03\x07\x02\x02\x1b\x65" + b"y" * 10


def test_a_surrogate_pair_moves_to_the_next_part_whole() -> None:
    parts = parts_of("ж" * 66 + "😀" + "ж" * 10)

    assert read(parts, 8) == ["ж" * 66, "😀" + "ж" * 10]


@pytest.mark.parametrize(
    "cluster", ["e\u0301", "👍🏽", "👨\u200d👩\u200d👧", "🇪🇸", "1\ufe0f\u20e3"]
)
def test_what_reads_as_one_character_stays_in_one_part(cluster: str) -> None:
    for before in range(57, 67):
        parts = read(parts_of("ж" * before + cluster + "ж" * 30), 8)
        assert "".join(parts) == "ж" * before + cluster + "ж" * 30
        assert len(parts) == 2
        assert any(cluster in part for part in parts)


def test_flags_are_cut_between_pairs_of_letters() -> None:
    parts = read(parts_of("ж" + "🇪🇸" * 20), 8)

    assert parts == ["ж" + "🇪🇸" * 16, "🇪🇸" * 4]


def test_keeping_characters_whole_never_costs_another_part() -> None:
    full = "ж" * 66 + "e\u0301" + "ж" * 66
    assert read(parts_of(full), 8) == ["ж" * 66 + "e", "\u0301" + "ж" * 66]

    with_pair = "ж" * 66 + "😀" + "ж" * 64 + "e\u0301" + "ж" * 66
    assert read(parts_of(with_pair), 8) == ["ж" * 66, "😀" + "ж" * 64 + "e", "\u0301" + "ж" * 66]


def test_a_character_longer_than_a_part_is_cut_between_code_points() -> None:
    text = "e" + "\u0301" * 200
    assert "".join(read(parts_of(text), 8)) == text


def test_more_than_255_parts_are_refused_with_their_number() -> None:
    assert len(parts_of("a" * 153 * 255)) == 255
    refused = split(encoded("a" * 153 * 255 + "b"), 1)

    assert refused == TooLong(256)
    assert "256 parts" in refused.reason
    assert "255 are the most" in refused.reason
    assert count_parts(encoded("a" * 153 * 255 + "b")) == 256


@given(GSM_TEXT.map(lambda text: text * 7), st.booleans())
def test_gsm_parts_join_to_the_text_within_their_limits(text: str, wide: bool) -> None:
    message = encoded(text, "gsm7")
    parts = parts_of(text, wide)

    assert "".join(read(parts, 0)) == text
    assert len(parts) == count_parts(message, wide)
    if len(parts) == 1:
        assert len(parts[0]) <= 160
        return
    header = 7 if wide else 6
    for seq, part in enumerate(parts, start=1):
        assert part[header - 2] == len(parts)
        assert part[header - 1] == seq
        assert len(part) - header <= (152 if wide else 153)
        assert not part.endswith(b"\x1b")


@given(WIDE_TEXT, st.booleans())
def test_ucs2_parts_join_to_the_text_within_their_limits(text: str, wide: bool) -> None:
    message = encoded(text, "ucs2")
    parts = split(message, 300, wide)

    assert isinstance(parts, tuple)
    assert len(parts) == count_parts(message, wide)
    header = 0 if len(parts) == 1 else 7 if wide else 6
    for part in parts:
        assert len(part) <= 140
        part[header:].decode("utf-16-be")  # raises where a surrogate pair is split
    assert b"".join(part[header:] for part in parts).decode("utf-16-be") == text


# ── data and headers of the client's own ────────────────────────────────────────────────────────

PORTS = bytes.fromhex("0605041583 0000".replace(" ", ""))


def test_data_is_cut_at_140_and_134_octets() -> None:
    octets = bytes(range(256)) + bytes(12)

    assert split_binary(octets[:140], None, 9) == (octets[:140],)
    assert split_binary(octets, None, 9) == (
        b"\x05\x00\x03\x09\x02\x01" + octets[:134],
        b"\x05\x00\x03\x09\x02\x02" + octets[134:],
    )
    assert binary(octets).data_coding == 4


def test_a_header_of_the_clients_own_stands_in_each_part() -> None:
    octets = bytes(200)

    assert split_binary(octets[:133], PORTS, 9) == (PORTS + octets[:133],)
    assert split_binary(octets, PORTS, 9) == (
        b"\x0b\x00\x03\x09\x02\x01" + PORTS[1:] + octets[:128],
        b"\x0b\x00\x03\x09\x02\x02" + PORTS[1:] + octets[128:],
    )
    assert split_binary(octets, PORTS, 9, wide=True) == (
        b"\x0c\x08\x04\x00\x09\x02\x01" + PORTS[1:] + octets[:127],
        b"\x0c\x08\x04\x00\x09\x02\x02" + PORTS[1:] + octets[127:],
    )


def test_a_header_takes_septets_and_units_from_text() -> None:
    assert split_with_header(encoded("a" * 152), PORTS, 1) == (PORTS + b"a" * 152,)
    assert len(split_with_header(encoded("a" * 153), PORTS, 1)) == 2  # type: ignore[arg-type]
    parts = split_with_header(encoded("ж" * 70), PORTS, 1)
    assert isinstance(parts, tuple)
    assert [len(part) for part in parts] == [12 + 128, 12 + 12]


@pytest.mark.parametrize(
    ("udh", "length", "reason"),
    [
        ("", 1, "count the octets"),
        ("0500030102", 1, "count the octets"),
        ("05000301020100", 1, "count the octets"),
        ("0100", 1, "beyond its end"),
        ("03000901", 1, "beyond its end"),
        ("050003010201", 135, "numbers a part already"),
        ("06080401020201", 135, "numbers a part already"),
        ("8c" + "248a" + "00" * 138, 1, "141 octets"),
        ("85" + "2483" + "00" * 131, 10, "no room"),
    ],
)
def test_a_header_that_cannot_be_used_is_refused_with_the_reason(
    udh: str, length: int, reason: str
) -> None:
    refused = split_binary(bytes(length), bytes.fromhex(udh), 1)

    assert isinstance(refused, BadHeader)
    assert reason in refused.reason


def test_a_part_that_the_client_numbered_goes_out_as_it_is() -> None:
    udh = bytes.fromhex("050003010201")
    assert split_binary(bytes(134), udh, 1) == (udh + bytes(134),)


# ── by TLVs, and in one piece ───────────────────────────────────────────────────────────────────


def unasked() -> int:
    raise AssertionError("nothing is to be numbered")


@pytest.mark.parametrize(
    ("text", "sizes"),
    [
        ("a" * 307, [153, 153, 1]),
        ("x" * 152 + "€" + "y" * 10, [152, 12]),
        ("ж" * 135, [134, 134, 2]),
        ("ж" * 66 + "😀" + "ж" * 10, [132, 24]),
    ],
)
def test_parts_that_tlvs_number_leave_room_for_the_header_that_the_smsc_adds(
    text: str, sizes: list[int]
) -> None:
    done = cut(encoded(text), Manner("sar"), lambda: 0x1234)

    assert isinstance(done, Cut)
    assert (done.sar, done.udhi, done.payload) == (0x34, False, None)
    assert [len(part) for part in done.segments] == sizes
    assert b"".join(done.segments) == encoded(text).octets


def test_one_piece_is_all_octets_beside_an_empty_short_message() -> None:
    long = encoded("a" * 161)
    assert cut(long, Manner("payload"), unasked) == Cut((b"",), payload=b"a" * 161)
    assert cut(encoded("a" * 160), Manner("payload"), unasked) == Cut((b"a" * 160,))


@pytest.mark.parametrize("split", ["udh8", "udh16", "sar", "payload"])
def test_more_parts_than_may_be_are_refused_with_both_numbers(split: str) -> None:
    assert isinstance(cut(encoded("a" * 152 * 3), Manner(split, 3), lambda: 1), Cut)
    refused = cut(encoded("a" * 460), Manner(split, 3), lambda: 1)

    assert refused == TooLong(4, 3)
    assert "4 parts" in refused.reason
    assert "3 are the most" in refused.reason


@pytest.mark.parametrize("split", ["sar", "payload"])
def test_a_message_with_a_header_of_its_own_is_numbered_in_that(split: str) -> None:
    done = cut(binary(bytes(200)), Manner(split), lambda: 9, PORTS)

    assert isinstance(done, Cut)
    assert (done.udhi, done.sar, done.payload, len(done.segments)) == (True, None, None, 2)
    assert all(part.startswith(b"\x0b\x00\x03\x09\x02") for part in done.segments)


def test_what_fits_is_given_no_number() -> None:
    for split in ("udh8", "udh16", "sar", "payload"):
        assert cut(encoded("hello"), Manner(split), unasked) == Cut((b"hello",))
        assert cut(encoded("hello"), Manner(split), unasked, PORTS) == Cut(
            (PORTS + b"hello",), True
        )


# ── packed ──────────────────────────────────────────────────────────────────────────────────────


def test_packed_septets_fill_octets_and_parts() -> None:
    def packed(text: str) -> tuple[bytes, ...]:
        done = cut(encoded(text, default="gsm7_packed"), Manner(), lambda: 7)
        assert isinstance(done, Cut)
        return done.segments

    assert packed("hello") == (bytes.fromhex("e8329bfd06"),)
    assert [len(part) for part in packed("a" * 160)] == [140]
    assert [len(part) for part in packed("a" * 161)] == [140, 14]
    first, second = packed("a" * 161)
    # One bit of nothing after six octets of header, then septets from there on.
    assert first[:8] == bytes.fromhex("050003070201" + "c2e1")
    assert second[:6] == bytes.fromhex("050003070202")
    assert read((first, second), 0, "gsm7_packed") == ["a" * 153, "a" * 8]


@given(GSM_TEXT.map(lambda text: text * 7), st.sampled_from(["udh8", "udh16", "sar"]))
def test_packed_parts_join_to_the_text_within_their_limits(text: str, split: str) -> None:
    text = text.rstrip("\r")
    done = cut(encoded(text, default="gsm7_packed"), Manner(split), lambda: 300)

    assert isinstance(done, Cut)
    assert len(done.segments) == count_parts(encoded(text), wide=split == "udh16")
    room = 140 if len(done.segments) == 1 or done.udhi else 134
    assert all(len(part) <= room for part in done.segments)
    pieces = [decode_text(part, 0, done.udhi, "gsm7_packed") for part in done.segments]
    assert "".join(pieces).replace("\r", "") == text.replace("\r", "")
