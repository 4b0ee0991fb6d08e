# ruff: noqa: RUF001 (that they look alike is the point)
"""Other characters: what stands for what, and what is better left alone."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smppd.smpp import gsm7
from smppd.smpp.text import Alphabet, fits
from smppd.transliteration import TABLE, transliterate

GSM7, LATIN1, ASCII = Alphabet.GSM7, Alphabet.LATIN1, Alphabet.ASCII


@pytest.mark.parametrize(
    ("text", "alphabet", "other", "changed"),
    [
        ("It’s", GSM7, "It's", {"’": "'"}),
        (
            "“Sí” – así…",
            GSM7,
            '"Si" - asi...',
            {"“": '"', "í": "i", "”": '"', "–": "-", "…": "..."},
        ),
        ("1\xa0000\u202f€", GSM7, "1 000 €", {"\xa0": " ", "\u202f": " "}),
        ("a\u200bb\ufeff", GSM7, "ab", {"\u200b": "", "\ufeff": ""}),
        ("é á ñ ç", GSM7, "é a ñ c", {"á": "a", "ç": "c"}),
        ("é á ñ ç", LATIN1, "é á ñ ç", {}),
        ("é á ñ ç", ASCII, "e a n c", {"é": "e", "á": "a", "ñ": "n", "ç": "c"}),
        ("cafe\u0301", GSM7, "café", {"e\u0301": "é"}),
        ("a\u0301", GSM7, "a", {"á": "a"}),
        ("Москва", GSM7, "Moskva", {"М": "M", "о": "o", "с": "s", "к": "k", "в": "v", "а": "a"}),
        ("5 €", LATIN1, "5 EUR", {"€": "EUR"}),
        ("£5", ASCII, "GBP5", {"£": "GBP"}),
        ("25°", GSM7, "25o", {"°": "o"}),
        ("3×4 ≥ 12", GSM7, "3x4 >= 12", {"×": "x", "≥": ">="}),
        ("• uno", GSM7, "- uno", {"•": "-"}),
        ("`x`", GSM7, "'x'", {"`": "'"}),
        ("٣", GSM7, "3", {"٣": "3"}),
        ("Łódź ő", GSM7, "Lódz o".replace("ó", "o"), {"Ł": "L", "ó": "o", "ź": "z", "ő": "o"}),
        ("col·legi", GSM7, "col.legi", {"·": "."}),
        ("5 \u03bcg, 3 \u00b5m", GSM7, "5 ug, 3 um", {"\u03bc": "u", "\u00b5": "u"}),
        ("ΠΡΟΣΟΧΗ", GSM7, "ΠPOΣOXH", {"Ρ": "P", "Ο": "O", "Χ": "X", "Η": "H"}),
        ("ναι, ΰ", GSM7, "NAI, Y", {"ν": "N", "α": "A", "ι": "I", "ΰ": "Y"}),
        ("ναι", ASCII, "nai", {"ν": "n", "α": "a", "ι": "i"}),
        ("объём", GSM7, "ob'em", {"о": "o", "б": "b", "ъ": "'", "ё": "e", "м": "m"}),
        ("1º 2ª", GSM7, "1o 2a", {"º": "o", "ª": "a"}),
        ("a\tb", GSM7, "a b", {"\t": " "}),
    ],
)
def test_what_stands_for_what(
    text: str, alphabet: Alphabet, other: str, changed: dict[str, str]
) -> None:
    assert transliterate(text, alphabet) == (other, changed)


@pytest.mark.parametrize(
    "text",
    [
        "Gracias 😀",
        "I ❤\ufe0f you",
        "中文",
        "10² m",
        "1½ kg",
        "a ≠ b",
        "مرحبا",
        "שלום",
        "नमस्ते",
        "\x1b",
        "\x00",
        "\ud83d",
        "\ue000",
        "★★★",
        "¢5",
    ],
)
def test_what_would_not_mean_the_same_leaves_the_whole_text_alone(text: str) -> None:
    assert transliterate(f"It’s {text}", GSM7) is None


def test_the_table_gives_only_what_every_alphabet_has() -> None:
    for char, instead in TABLE.items():
        assert len(char) == 1
        for alphabet in (ASCII, LATIN1):
            assert all(fits(each, alphabet) for each in instead), char
        assert gsm7.encode(instead) is not None, char


@given(
    st.text(st.characters(codec="utf-8") | st.sampled_from("’“–\xa0éáñ\u0301ж")),
    st.sampled_from([GSM7, LATIN1, ASCII]),
)
def test_the_outcome_fits_and_says_what_was_changed(text: str, alphabet: Alphabet) -> None:
    found = transliterate(text, alphabet)
    if found is None:
        return
    other, changed = found
    assert all(fits(char, alphabet) for char in other)
    assert all(was in text or len(was) == 1 for was in changed)
    if not changed:
        assert other == text
