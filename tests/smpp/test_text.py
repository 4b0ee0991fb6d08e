"""Text: the GSM alphabet whole, the choice of an encoding, and cuts that hurt no character."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from smpplib import gsm as smpplib_gsm

from smppd.smpp import gsm7
from smppd.smpp.errors import EncodeError
from smppd.smpp.text import (
    Alphabet,
    BadHeader,
    Encoded,
    TooLong,
    Unencodable,
    binary,
    choose,
    count_parts,
    decode_text,
    split,
    split_binary,
    split_with_header,
)

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


def encoded(text: str, encoding: str = "auto") -> Encoded:
    chosen = choose(text, encoding)
    assert isinstance(chosen, Encoded)
    return chosen


def parts_of(text: str, wide: bool = False) -> tuple[bytes, ...]:
    parts = split(encoded(text), 7, wide)
    assert isinstance(parts, tuple)
    return parts


def read(parts: tuple[bytes, ...], data_coding: int) -> list[str]:
    return [decode_text(part, data_coding, len(parts) > 1) for part in parts]


# ── the alphabet ────────────────────────────────────────────────────────────────────────────────


def test_all_127_septets_and_10_extension_characters_go_both_ways() -> None:
    assert len(gsm7.ALPHABET) == 128
    assert len(set(gsm7.ALPHABET)) == 128
    for code, char in enumerate(gsm7.ALPHABET):
        if code != 0x1B:
            assert gsm7.encode(char) == bytes([code])
            assert gsm7.decode(bytes([code])) == char
    assert len(gsm7.EXTENSION) == 10
    for char, code in gsm7.EXTENSION.items():
        assert gsm7.encode(char) == bytes([0x1B, code])
        assert gsm7.decode(bytes([0x1B, code])) == char


def test_the_alphabet_is_smpplibs_but_for_what_it_has_wrong() -> None:
    for char in map(chr, range(0x3000)):
        try:
            theirs = smpplib_gsm.gsm_encode(char)
        except UnicodeError:
            theirs = None
        expected = {"`": None, "§": b"\x5f", "\f": b"\x1b\x0a", "\x1b": None}.get(char, theirs)
        assert gsm7.encode(char) == expected, char


def test_no_other_character_has_a_septet() -> None:
    known = set(gsm7.ALPHABET) | set(gsm7.EXTENSION)
    fitting = {chr(code) for code in range(0x11000) if gsm7.encode(chr(code)) is not None}
    assert fitting == known - {"\x1b"}


@given(GSM_TEXT)
def test_gsm_text_survives_encoding_and_decoding(text: str) -> None:
    septets = gsm7.encode(text)

    assert septets is not None
    assert gsm7.decode(septets) == text


@pytest.mark.parametrize(
    ("septets", "text"),
    [
        (b"a\x1b", "a "),
        (b"a\x1b\x1bb", "a b"),
        (b"\x1bZ", "Z"),
        (b"\x1b\x1b\x65", " e"),
        (b"caf\xe9", "caf\xe9"),
    ],
)
def test_strange_septets_still_give_a_text(septets: bytes, text: str) -> None:
    assert gsm7.decode(septets) == text


# ── the choice ──────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("text", "encoding", "chosen"),
    [
        ("hello", "auto", Encoded(Alphabet.GSM7, 0, b"hello")),
        ("hello", "gsm7", Encoded(Alphabet.GSM7, 0, b"hello")),
        ("1 €", "auto", Encoded(Alphabet.GSM7, 0, b"1 \x1be")),
        (
            "@£$_€[]{}ñÇ§",
            "auto",
            Encoded(
                Alphabet.GSM7,
                0,
                b"\x00\x01\x02\x11\x1b\x65\x1b\x3c\x1b\x3e\x1b\x28\x1b\x29\x7d\x09\x5f",
            ),
        ),
        ("á", "auto", Encoded(Alphabet.UCS2, 8, b"\x00\xe1")),
        ("á", "latin1", Encoded(Alphabet.LATIN1, 3, b"\xe1")),
        ("a", "ucs2", Encoded(Alphabet.UCS2, 8, b"\x00a")),
        ("`", "auto", Encoded(Alphabet.UCS2, 8, b"\x00`")),
        ("😀", "ucs2", Encoded(Alphabet.UCS2, 8, b"\xd8\x3d\xde\x00")),
        ("", "auto", Encoded(Alphabet.GSM7, 0, b"")),
    ],
)
def test_a_text_takes_the_cheapest_encoding_or_the_one_asked_for(
    text: str, encoding: str, chosen: Encoded
) -> None:
    assert choose(text, encoding) == chosen


@pytest.mark.parametrize(
    ("text", "encoding", "misfits", "reason"),
    [
        ("a`bá", "gsm7", ((2, "`"), (4, "á")), "gsm7 cannot express '`' (U+0060) at 2, 'á'"),
        ("a\x1b", "gsm7", ((2, "\x1b"),), "U+001B at 2"),
        ("€ж", "latin1", ((1, "€"), (2, "ж")), "latin1 cannot"),
        ("ok\ud83d", "auto", ((3, "\ud83d"),), "ucs2 cannot express U+D83D at 3"),
        ("жжжжжжж", "gsm7", tuple((n, "ж") for n in range(1, 6)), "at 5"),
    ],
)
def test_characters_that_do_not_fit_are_named_with_their_places(
    text: str, encoding: str, misfits: tuple[tuple[int, str], ...], reason: str
) -> None:
    refused = choose(text, encoding)

    assert isinstance(refused, Unencodable)
    assert refused.misfits == misfits
    assert reason in refused.reason


def test_an_unknown_encoding_is_a_fault_of_the_program() -> None:
    with pytest.raises(EncodeError, match="ebcdic"):
        choose("a", "ebcdic")


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


# ── from handsets ───────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("octets", "data_coding", "text"),
    [
        (b"\x00 1 \x1be", 0, "@ 1 €"),
        (b"hello", 1, "hello"),
        (b"\xe1", 3, "á"),
        (b"\x00\xff", 4, "\x00ÿ"),
        (b"\xb6", 6, "Ж"),
        (b"\xf9", 7, "ש"),
        ("ж😀".encode("utf-16-be"), 8, "ж😀"),
        (b"\x04\x36\x04", 8, "ж\ufffd"),
        (b"\xd8\x3d", 8, "\ufffd"),
        (b"\x00", 0x10, "@"),
        (b"\xe1", 0x15, "á"),
        (b"\x00a", 0x18, "a"),
        (b"\x00a", 0xE0, "a"),
        (b"\x00", 0xC8, "@"),
        (b"\x00", 0xF1, "@"),
        (b"\xe1", 0xF5, "á"),
        (b"\xff", 1, "\ufffd"),
    ],
)
def test_a_text_from_a_handset_is_read_by_its_data_coding(
    octets: bytes, data_coding: int, text: str
) -> None:
    assert decode_text(octets, data_coding) == text


def test_a_header_is_left_out_of_the_text_unless_it_goes_beyond_the_end() -> None:
    assert decode_text(b"\x05\x00\x03\x01\x02\x01hola", 0, udh_present=True) == "hola"
    assert decode_text(b"hola", 0, udh_present=True) == "hola"
    assert decode_text(b"", 0, udh_present=True) == ""


def test_the_default_alphabet_is_the_smscs_to_say() -> None:
    assert decode_text(b"$\x00\xe1", 0, default="latin1") == "$\x00á"
    assert decode_text(b"$@", 0, default="ascii") == "$@"
    assert decode_text(b"$@", 0) == "¤¡"


@given(st.binary(max_size=160), st.integers(0, 255), st.booleans())
def test_reading_a_handsets_octets_never_fails(octets: bytes, data_coding: int, udh: bool) -> None:
    assert isinstance(decode_text(octets, data_coding, udh), str)
