"""Messages as smstools 3 writes them, with its peculiarities."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smppd.message import ErrorInfo
from smppd.smstools_text import Habits, SmsFile, fields_of, take_apart


def read(content: str | bytes, habits: Habits | None = None) -> dict[str, Any]:
    octets = content.encode() if isinstance(content, str) else content
    file = take_apart(octets)
    assert isinstance(file, SmsFile), file
    fields = fields_of(file, habits or Habits())
    assert isinstance(fields, dict), fields
    return fields


def mistake(content: str | bytes) -> ErrorInfo:
    file = take_apart(content.encode() if isinstance(content, str) else content)
    found = file if isinstance(file, ErrorInfo) else fields_of(file, Habits())
    assert isinstance(found, ErrorInfo)
    return found


def test_the_easy_example() -> None:
    assert read("To: 491721234567\n\nHello, this is the sms.\n") == {
        "to": "+491721234567",
        "text": "Hello, this is the sms.",
    }


@pytest.mark.parametrize(
    ("written", "to"),
    [
        ("491721234567", "+491721234567"),
        ("+491721234567", "+491721234567"),
        ("00491721234567", "00491721234567"),
        ("358 12 345 6789", "+358123456789"),
        ("s2580", "2580"),
        ("s 25 80", "2580"),
        ("600000001\nTo_TOA: National", "600000001"),
        ("600000001\nTo_TOA: international", "+600000001"),
        ("abc", "abc"),
    ],
)
def test_numbers(written: str, to: str) -> None:
    assert read(f"To: {written}\n\nx")["to"] == to


@pytest.mark.parametrize(
    ("content", "text"),
    [
        ("To: 1\r\n\r\na\r\nb\r\n", "a\r\nb"),
        ("To: 1\n \nx", "x"),
        ("To: 1\n\n  x \t\n\n", "  x"),
        ("To: 1\n\nx\n\ny", "x\n\ny"),
        ("To: 1\n\nñ €", "ñ €"),
        (b"To: 1\n\n\xf1 \xa4", "ñ €"),
        (b"To: 1\nAlphabet: ISO-8859-15\n\n\xf1", "ñ"),
        (b"To: 1\nAlphabet: Latin\n\n\xf1", "ñ"),
        (b"To: 1\nAlphabet: isobar\n\n\xf1", "ñ"),
        ("To: 1\nAlphabet: UTF-8\n\nñ 漢", "ñ 漢"),
        (b"To: 1\nAlphabet: GSM\n\n\x7d\x1be\x00", "ñ€@"),
        (b"\xef\xbb\xbfTo: 1\n\nx", "x"),
        ("To: 1\nHex: yes\n\n48 6F // H and o\n# nothing\n\n6C61\n", "Hola"),
        ("To: 1\nMacro: @NAME@=Ana\nMacro: @X@=y=z\n\nHola @NAME@, @X@", "Hola Ana, y=z"),
        ("To: 1\nflash: yes\n\nx", "x"),
        ("To: 1", ""),
    ],
)
def test_texts(content: str | bytes, text: str) -> None:
    fields = read(content)
    assert fields["text"] == text
    assert "encoding" not in fields
    assert "flash" not in fields  # names of headers are case-sensitive


@pytest.mark.parametrize("word", ["UCS", "UCS2", "ucs-2", "Unicode", "Chinese"])
def test_a_body_of_unicode(word: str) -> None:
    head = f"To: 1\nAlphabet: {word}\n\n".encode()
    for body in (
        "漢 ñ".encode("utf-16-be"),
        "\ufeff漢 ñ".encode("utf-16-be"),
        "\ufeff漢 ñ".encode("utf-16-le"),
        "漢 ñ\n".encode("utf-16-be"),
        "漢 ñ".encode("utf-16-be") + b"\n",
    ):
        fields = read(head + body)
        assert (fields["text"], fields["encoding"]) == ("漢 ñ", "ucs2")


def test_octets_begin_with_their_header() -> None:
    head = "To: 1\nAlphabet: binary\n"
    body = bytes.fromhex("06050415811581" + "0a0d20")
    expected = {"to": "+1", "udh": "06050415811581", "data": "0a0d20", "encoding": "binary"}
    for more in ("", "UDH: true\n"):
        assert read(f"{head}{more}\n".encode() + body) == expected
    fields = read(f"{head}UDH: no\n\n".encode() + body)
    assert (fields["data"], "udh" in fields) == (body.hex(), False)
    fields = read(f"{head}UDH-DATA: 05 00 03 07 02 01\n\n".encode() + body)
    assert (fields["data"], fields["udh"]) == (body.hex(), "050003070201")


def test_a_wap_push_in_hexadecimal() -> None:
    fields = read(
        "To: 1\nAlphabet: bin\nHex: yes\n\n"
        "// header\n06 : length\n05 04 0B 84 23 F0\n01 06 LENGTH\n".replace(
            " LENGTH", "\nLENGTH // 1"
        )
        + "AE\nLENGTH // 2\n02 ' a comment\nINLINESTRING:ab\nSTRING:cd\n00 : end\n"
    )
    assert fields["udh"] == "0605040b8423f0"
    assert fields["data"] == "0106" + "01ae" + "02" + "03616200" + "6364" + "00"


@pytest.mark.parametrize(
    ("validity", "expires"),
    [
        ("10 min", "600s"),
        ("2 hours", "7200s"),
        ("1 day", "86400s"),
        ("1week", "604800s"),
        ("0", "300s"),
        ("143", "43200s"),
        ("144", "45000s"),
        ("167", "86400s"),
        ("168", "172800s"),
        ("196", "2592000s"),
        ("197", "3024000s"),
        ("255", "38102400s"),
        ("256", None),
        ("soon", None),
        ("", None),
        ("0 min", None),
    ],
)
def test_validity(validity: str, expires: str | None) -> None:
    assert read(f"To: 1\nValidity: {validity}\n\nx").get("expires") == expires


def test_how_it_is_to_go() -> None:
    fields = read("To: 1\nFrom: ACME\nFlash: On\nReport: no\nPriority: HIGH\nQueue: main\n\nx")
    assert fields == {
        "to": "+1",
        "text": "x",
        "from": "ACME",
        "flash": True,
        "receipt": False,
        "priority": "high",
        "via": "main",
    }
    habits = Habits(report=False, queues={"o2": "main"})
    assert read("To: 1\nProvider: O2\n\nx", habits) == {
        "to": "+1",
        "text": "x",
        "receipt": False,
        "via": "main",
    }
    assert read("To: 1\nReport: YES\nClass: 0\n\nx", habits)["flash"] is True


def test_headers_that_are_not_known_are_kept() -> None:
    fields = read("To: 1\nUser: ana\nto: nobody\nRetries: 3\n\nx")
    assert {name: value for name, value in fields.items() if name.startswith("x-")} == {
        "x-User": "ana",
        "x-to": "nobody",
    }


@pytest.mark.parametrize(
    ("content", "code"),
    [
        ("", "MISSING_TO"),
        ("From: x\n\nx", "MISSING_TO"),
        ("To:\n\nx", "MISSING_TO"),
        ("hello", "NO_HEADERS"),
        ('{"to": "1"}', "NO_HEADERS"),
        ("To: 1\nhello you\n\nx", "NO_HEADERS"),
        ("To: 1\nVoicecall: yes\n\nTONE: 1", "NOT_BY_SMPP"),
        ("To: 1\nInclude: /etc/passwd\n\n", "NOT_BY_SMPP"),
        ("To: 1\nUDH-DATA: xx\n\nx", "BAD_HEADER"),
        ("To: 1\nHex: yes\n\nxx", "BAD_HEADER"),
        ("To: 1\nHex: yes\n\nLENGTH\n00", "BAD_HEADER"),
        ("To: 1\nAlphabet: binary\n\n", "BAD_HEADER"),
        ("To: 1\nAlphabet: binary\n\n\x06ab", "BAD_HEADER"),
    ],
)
def test_what_cannot_be_sent_says_why(content: str, code: str) -> None:
    found = mistake(content)
    assert found.code == code
    assert ": " in found.text


@given(st.binary(max_size=200) | st.binary(max_size=200).map(lambda body: b"To: 1\n" + body))
def test_nothing_at_all_is_a_traceback(content: bytes) -> None:
    file = take_apart(content)
    if isinstance(file, SmsFile):
        fields_of(file, Habits())
