"""Text: the GSM alphabet whole, the choice of an encoding, and what handsets write."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from smpplib import gsm as smpplib_gsm

from smppd.smpp import gsm7
from smppd.smpp.errors import EncodeError
from smppd.smpp.text import (
    Alphabet,
    Encoded,
    Unencodable,
    choose,
    decode_text,
    flash,
)

GSM_TEXT = st.text(st.sampled_from(gsm7.ALPHABET.replace("\x1b", "") + "".join(gsm7.EXTENSION)))


def encoded(text: str, encoding: str = "auto", default: str = "gsm7") -> Encoded:
    chosen = choose(text, encoding, default)
    assert isinstance(chosen, Encoded)
    return chosen


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


@given(st.text(st.sampled_from("ab@~^[€ñéÇóáΔж\x1b\x80\xff😀\r\n`")))
def test_a_text_is_its_characters_one_by_one(text: str) -> None:
    septets = [gsm7.encode(char) for char in text]
    fitting = [each for each in septets if each is not None]
    expected = b"".join(fitting) if len(fitting) == len(text) else None
    assert gsm7.encode(text) == expected


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


@pytest.mark.parametrize(
    ("septets", "fill", "octets"),
    [
        (b"", 0, ""),
        (b"hello", 0, "e8329bfd06"),
        (b"a", 0, "61"),
        (b"\x7f" * 8, 0, "ff" * 7),
        # Seven septets leave seven bits, which hold a CR instead of an @.
        (b"\x7f" * 7, 0, "ff" * 6 + "1b"),
        (b"a", 1, "c2"),
        (b"a", 2, "841b"),
        (b"aa", 1, "c261"),
    ],
)
def test_septets_are_packed_as_the_specification_says(
    septets: bytes, fill: int, octets: str
) -> None:
    assert gsm7.pack(septets, fill).hex() == octets
    assert gsm7.unpack(bytes.fromhex(octets), fill) == septets


@given(st.lists(st.integers(0, 127), max_size=170).map(bytes), st.integers(0, 6))
def test_what_is_packed_is_unpacked(septets: bytes, fill: int) -> None:
    septets = septets.rstrip(b"\r")
    octets = gsm7.pack(septets, fill)
    assert gsm7.unpack(octets, fill) == septets or not septets
    assert len(octets) == (fill + 7 * len(septets) + 7) // 8


@pytest.mark.parametrize(("header", "bits"), [(0, 0), (6, 1), (7, 0), (12, 2), (13, 1), (8, 6)])
def test_a_header_is_filled_up_to_a_septet(header: int, bits: int) -> None:
    assert gsm7.fill_bits(header) == bits
    assert (8 * header + bits) % 7 == 0


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


WHOLE = "@£$_€[]{}ñÇ§"
IN_GSM7 = b"\x00\x01\x02\x11\x1b\x65\x1b\x3c\x1b\x3e\x1b\x28\x1b\x29\x7d\x09\x5f"


@pytest.mark.parametrize(
    ("text", "encoding", "default", "chosen"),
    [
        (WHOLE, "auto", "gsm7", Encoded(Alphabet.GSM7, 0, IN_GSM7)),
        (WHOLE, "auto", "gsm7_packed", Encoded(Alphabet.GSM7_PACKED, 0, IN_GSM7)),
        (WHOLE, "gsm7", "gsm7_packed", Encoded(Alphabet.GSM7_PACKED, 0, IN_GSM7)),
        (WHOLE, "auto", "latin1", Encoded(Alphabet.UCS2, 8, WHOLE.encode("utf-16-be"))),
        ("@£$_[]{}ñÇ§", "auto", "latin1", Encoded(Alphabet.LATIN1, 0, b"@\xa3$_[]{}\xf1\xc7\xa7")),
        ("á`", "auto", "latin1", Encoded(Alphabet.LATIN1, 0, b"\xe1`")),
        ("á", "latin1", "latin1", Encoded(Alphabet.LATIN1, 0, b"\xe1")),
        ("á", "latin1", "ascii", Encoded(Alphabet.LATIN1, 3, b"\xe1")),
        ("@$_[]{}`", "auto", "ascii", Encoded(Alphabet.ASCII, 0, b"@$_[]{}`")),
        ("ñ", "auto", "ascii", Encoded(Alphabet.UCS2, 8, b"\x00\xf1")),
        # What an SMSC might take for an escape, or cannot show, is no text of its alphabet.
        ("a\x1be", "auto", "latin1", Encoded(Alphabet.UCS2, 8, b"\0a\0\x1b\0e")),
        ("a\x1be", "auto", "ascii", Encoded(Alphabet.UCS2, 8, b"\0a\0\x1b\0e")),
        ("\x80", "auto", "latin1", Encoded(Alphabet.UCS2, 8, b"\0\x80")),
        ("a\r\nb", "auto", "ascii", Encoded(Alphabet.ASCII, 0, b"a\r\nb")),
    ],
)
def test_data_coding_0_carries_what_the_smsc_takes_it_for(
    text: str, encoding: str, default: str, chosen: Encoded
) -> None:
    assert choose(text, encoding, default) == chosen


@pytest.mark.parametrize(
    ("text", "encoding", "default", "data_coding"),
    [
        ("ñ", "auto", "gsm7", 0x10),
        ("ñ", "auto", "gsm7_packed", 0x10),
        ("ж", "auto", "gsm7", 0x18),
        ("Hi", "auto", "latin1", 0x10),
        ("Hi", "auto", "ascii", 0x10),
        ("Hi", "latin1", "gsm7", None),
        ("ñ", "auto", "latin1", None),
        ("a@b", "auto", "latin1", None),  # an @ is something else in GSM 03.38
        ("a_b", "auto", "ascii", None),
        ("ñ", "latin1", "gsm7", None),
    ],
)
def test_flash_says_class_0_and_still_the_alphabet(
    text: str, encoding: str, default: str, data_coding: int | None
) -> None:
    message = encoded(text, encoding, default)
    shown = flash(message)
    if data_coding is None:
        assert shown is None
    else:
        assert shown == Encoded(message.encoding, data_coding, message.octets)


def test_an_unknown_encoding_is_a_fault_of_the_program() -> None:
    with pytest.raises(EncodeError, match="ebcdic"):
        choose("a", "ebcdic")


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
    packed = bytes.fromhex("e8329bfd06")
    assert decode_text(packed, 0, default="gsm7_packed") == "hello"
    assert decode_text(packed, 0x10, default="gsm7_packed") == "hello"
    assert decode_text(b"hello", 3, default="gsm7_packed") == "hello"
    header = bytes.fromhex("050003010201")
    with_header = header + gsm7.pack(b"hello", 1)
    assert decode_text(with_header, 0, udh_present=True, default="gsm7_packed") == "hello"


@given(
    st.binary(max_size=160),
    st.integers(0, 255),
    st.booleans(),
    st.sampled_from(["gsm7", "gsm7_packed", "latin1", "ascii"]),
)
def test_reading_a_handsets_octets_never_fails(
    octets: bytes, data_coding: int, udh: bool, default: str
) -> None:
    assert isinstance(decode_text(octets, data_coding, udh, default), str)
