"""From a request to a message: what leaves, and every way in which it cannot."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from smppd.config import LinkConfig, TonNpi
from smppd.config.terms import STANDARD_TON_NPI
from smppd.message import ErrorInfo, Message, OnUnknown, PlainRequest, Request
from smppd.prepare import Plain, prepare
from smppd.smpp.text import decode_text
from smppd.smpp.vocabulary import EsmClass, Npi, Ton

NOW = 1_800_000_000.0
LINK = LinkConfig(name="main", hosts=(), system_id="acme", from_="ACME")
SPANISH = "34"


def outcome(
    to: str = "+34600000001", link: LinkConfig = LINK, country: str = "", **fields: Any
) -> Message | ErrorInfo:
    if "data" not in fields:
        fields.setdefault("text", "Hola")
    return prepare(Request(to=to, **fields), to, link, country, lambda sender, to: 7, NOW)


def good(**fields: Any) -> Message:
    message = outcome(**fields)
    assert isinstance(message, Message), message
    return message


def bad(**fields: Any) -> ErrorInfo:
    error = outcome(**fields)
    assert isinstance(error, ErrorInfo), error
    assert error.status is None
    return error


def linked(**keys: Any) -> LinkConfig:
    return LinkConfig(name="main", hosts=(), system_id="acme", **{"from_": "ACME", **keys})


# ── what leaves ──────────────────────────────────────────────────────────────────────────────


def test_a_plain_message() -> None:
    assert good() == Message(
        "34600000001", Ton.INTERNATIONAL, Npi.ISDN, "ACME", Ton.ALPHANUMERIC, Npi.UNKNOWN,
        0, 0, "gsm7", (b"Hola",), True, OnUnknown.HOLD, None, (), None,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("to", "country", "digits", "ton"),
    [
        ("+34 600-000-001", "", "34600000001", Ton.INTERNATIONAL),
        ("0034600000001", "", "34600000001", Ton.INTERNATIONAL),
        ("34600000001", "", "34600000001", Ton.INTERNATIONAL),
        ("600000001", SPANISH, "34600000001", Ton.INTERNATIONAL),
        ("2580", "", "2580", Ton.NETWORK_SPECIFIC),
    ],
)
def test_where_it_goes(to: str, country: str, digits: str, ton: Ton) -> None:
    message = good(to=to, country=country)
    assert (message.to, message.dest_ton) == (digits, ton)


@pytest.mark.parametrize(
    ("own", "links", "sender", "ton"),
    [
        (None, "ACME", "ACME", Ton.ALPHANUMERIC),
        ("Shop", "ACME", "Shop", Ton.ALPHANUMERIC),
        ("+34911111111", "ACME", "34911111111", Ton.INTERNATIONAL),
        ("2580", "ACME", "2580", Ton.NETWORK_SPECIFIC),
        ("", "ACME", "", Ton.UNKNOWN),
        (None, "", "", Ton.UNKNOWN),
    ],
)
def test_whom_it_is_from(own: str | None, links: str, sender: str, ton: Ton) -> None:
    message = good(from_=own, link=linked(from_=links))
    assert (message.sender, message.source_ton) == (sender, ton)


@pytest.mark.parametrize(
    ("text", "asked", "encoding", "data_coding", "octets"),
    [
        ("a€", "auto", "gsm7", 0, b"a\x1be"),
        ("ж", "auto", "ucs2", 8, b"\x04\x36"),
        ("a", "ucs2", "ucs2", 8, b"\0a"),
        ("ñ", "latin1", "latin1", 3, b"\xf1"),
        ("ñ", "gsm7", "gsm7", 0, b"\x7d"),
        ("😀", "auto", "ucs2", 8, b"\xd8\x3d\xde\x00"),
    ],
)
def test_how_text_is_encoded(
    text: str, asked: str, encoding: str, data_coding: int, octets: bytes
) -> None:
    message = good(text=text, encoding=asked)
    assert (message.encoding, message.data_coding) == (encoding, data_coding)
    assert message.segments == (octets,)


def test_data_goes_as_it_is() -> None:
    message = good(data="00 ff7F", encoding="binary")
    assert (message.encoding, message.data_coding, message.segments) == (
        "binary",
        4,
        (b"\x00\xff\x7f",),
    )
    assert good(data="00ff7f") == message


@pytest.mark.parametrize(
    ("fields", "data_coding"),
    [
        ({"text": "a"}, 0x10),
        ({"text": "ж"}, 0x18),
        ({"data": "00"}, 0x14),
    ],
)
def test_flash_is_class_0_in_its_alphabet(fields: dict[str, str], data_coding: int) -> None:
    assert good(flash=True, **fields).data_coding == data_coding


@pytest.mark.parametrize("default", ["latin1", "ascii"])
def test_flash_goes_as_ucs2_where_the_default_alphabet_has_no_class(default: str) -> None:
    link = linked(data_coding_0=default)
    assert good(flash=True, text="Hola", link=link).data_coding == 0x10
    strange = good(flash=True, text="a@b", link=link)
    assert (strange.data_coding, strange.encoding) == (0x18, "ucs2")
    assert strange.segments == ("a@b".encode("utf-16-be"),)


@pytest.mark.parametrize(
    ("default", "text", "encoding", "data_coding", "octets"),
    [
        ("gsm7", "ñ", "gsm7", 0, b"\x7d"),
        ("gsm7_packed", "hello", "gsm7_packed", 0, bytes.fromhex("e8329bfd06")),
        ("latin1", "ñ", "latin1", 0, b"\xf1"),
        ("latin1", "€", "ucs2", 8, b"\x20\xac"),
        ("ascii", "n_@", "ascii", 0, b"n_@"),
        ("ascii", "ñ", "ucs2", 8, b"\x00\xf1"),
    ],
)
def test_the_link_says_what_data_coding_0_carries(
    default: str, text: str, encoding: str, data_coding: int, octets: bytes
) -> None:
    message = good(text=text, link=linked(data_coding_0=default))
    assert (message.encoding, message.data_coding) == (encoding, data_coding)
    assert message.segments == (octets,)


@pytest.mark.parametrize("default", ["latin1", "ascii"])
def test_gsm7_cannot_be_asked_of_a_link_that_has_none(default: str) -> None:
    error = bad(encoding="gsm7", link=linked(data_coding_0=default))
    assert error.code == "BAD_ENCODING"
    assert f'link "main" has no gsm7 (data_coding_0 = "{default}"): use auto' in error.text


@pytest.mark.parametrize("default", ["latin1", "ascii"])
def test_a_default_alphabet_that_is_not_gsm7_holds_140_and_134(default: str) -> None:
    link = linked(data_coding_0=default)
    sizes = [len(each) for each in good(text="a" * 140, link=link).segments]
    assert sizes == [140]
    sizes = [len(each) for each in good(text="a" * 269, link=link).segments]
    assert sizes == [140, 140, 7]


# ── other characters ─────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(("links", "own"), [(True, None), (False, True), (True, True)])
def test_characters_are_replaced_where_the_message_or_else_the_link_says(
    links: bool, own: bool | None
) -> None:
    message = good(text="¡Sí!", transliterate=own, link=linked(transliterate=links))
    assert (message.encoding, message.segments) == ("gsm7", (b"\x40Si!",))
    assert message.transliterated == {"í": "i"}


@pytest.mark.parametrize(
    ("text", "fields"),
    [
        ("¡Sí!", {}),
        ("¡Sí!", {"transliterate": False, "link": linked(transliterate=True)}),
        ("¡Sí!", {"transliterate": True, "encoding": "ucs2"}),
        ("Sí 😀", {"transliterate": True}),
        ("\u200b", {"transliterate": True}),
    ],
)
def test_characters_stay_where_nobody_asked_or_nothing_would_be_gained(
    text: str, fields: dict[str, Any]
) -> None:
    message = good(text=text, **fields)
    assert (message.encoding, message.transliterated) == ("ucs2", None)
    assert message.segments == (text.encode("utf-16-be"),)


def test_a_text_that_fits_keeps_its_characters() -> None:
    message = good(text="é €", transliterate=True)
    assert (message.segments, message.transliterated) == ((b"\x05 \x1be",), None)
    message = good(text="é", transliterate=True, link=linked(data_coding_0="latin1"))
    assert (message.segments, message.transliterated) == ((b"\xe9",), None)


def test_replacing_serves_an_encoding_that_was_asked_for() -> None:
    assert good(text="ć", encoding="gsm7", transliterate=True).segments == (b"c",)
    assert good(text="ć", encoding="latin1", transliterate=True).segments == (b"c",)
    assert bad(text="中", encoding="gsm7", transliterate=True).code == "BAD_ENCODING"


def test_what_is_replaced_may_make_flash_possible_or_not_matter() -> None:
    message = good(text="ć", flash=True, transliterate=True)
    assert (message.data_coding, message.transliterated) == (0x10, {"ć": "c"})
    link = linked(data_coding_0="ascii")
    message = good(text="ć@", flash=True, transliterate=True, link=link)
    assert (message.data_coding, message.transliterated) == (0x18, None)
    assert message.segments == ("ć@".encode("utf-16-be"),)


# ── long ─────────────────────────────────────────────────────────────────────────────────────


def test_parts_may_be_numbered_by_tlvs_that_the_link_writes() -> None:
    message = good(text="a" * 307, link=linked(split="sar"))
    assert (message.sar, message.esm_class, message.tlv) == (7, 0, ())
    assert message.segments == (b"a" * 153, b"a" * 153, b"a")
    assert good(text="a" * 160, link=linked(split="sar")).sar is None


def test_a_long_message_may_go_in_one_piece() -> None:
    link = linked(split="payload")
    message = good(text="a" * 307, link=link, tlv={"0x1400": "01"})
    assert (message.segments, message.esm_class, message.sar) == ((b"",), 0, None)
    assert message.tlv == ((0x1400, b"\x01"), (0x0424, b"a" * 307))
    assert good(text="a" * 160, link=link).tlv == ()


@pytest.mark.parametrize("split", ["sar", "payload"])
def test_a_header_of_the_clients_own_brings_the_numbers_along(split: str) -> None:
    message = good(data="00" * 200, udh="0605040b8423f0", link=linked(split=split))
    assert (message.esm_class, message.sar, message.tlv) == (EsmClass.UDHI, None, ())
    assert [each[:6] for each in message.segments] == [bytes((11, 0, 3, 7, 2, n)) for n in (1, 2)]


@pytest.mark.parametrize("split", ["udh8", "udh16", "sar", "payload"])
def test_a_link_may_allow_fewer_parts(split: str) -> None:
    link = linked(split=split, max_parts=2)
    assert isinstance(outcome(text="x" * 304, link=link), Message)
    error = bad(text="x" * 307, link=link)
    assert error.code == "TOO_LONG"
    assert "needs 3 parts, and 2 are the most" in error.text
    assert 'raise max_parts of link "main"' in error.text


def test_the_reference_is_asked_for_by_addresses_and_only_when_needed() -> None:
    asked = []

    def number(sender: str, to: str) -> int:
        asked.append((sender, to))
        return 7

    for text in ("short", "x" * 161):
        prepare(Request(to="+34600000001", text=text), "+34600000001", LINK, "", number, NOW)
    assert asked == [("ACME", "34600000001")]


@pytest.mark.parametrize(("split", "header"), [("udh8", 6), ("udh16", 7)])
def test_a_long_text_is_cut_as_the_link_says(split: str, header: int) -> None:
    text = "0123456789" * 40
    message = good(text=text, link=linked(split=split))
    assert message.esm_class == EsmClass.UDHI
    assert [segment[0] + 1 for segment in message.segments] == [header] * 3
    assert b"".join(segment[header:] for segment in message.segments).decode() == text
    for number, segment in enumerate(message.segments, start=1):
        assert tuple(segment[header - 2 : header]) == (3, number)
        assert segment[header - 3] == 7  # the reference


def test_a_header_of_the_clients_own_stands_in_each_part() -> None:
    message = good(text="Hola", udh="0605040b8423f0")
    assert message.esm_class == EsmClass.UDHI
    assert message.segments == (bytes.fromhex("0605040b8423f0") + b"Hola",)


@pytest.mark.parametrize("own", ["hold", "resend", "fail", None])
@pytest.mark.parametrize("links", ["hold", "resend", "fail"])
def test_what_to_do_in_doubt_is_the_messages_or_else_the_links(own: str | None, links: str) -> None:
    message = good(on_unknown=own, link=linked(on_unknown=links))
    assert message.on_unknown.name.lower() == (own or links)


def test_a_message_without_receipt() -> None:
    assert good(receipt=False).receipt is False


@pytest.mark.parametrize(
    ("value", "moment"),
    [
        ("10m", NOW + 600),
        (90, NOW + 90),
        (0.5, NOW + 0.5),
        ("2027-01-15T09:00:00+01:00", NOW),
        ("2027-01-15T08:00:10Z", NOW + 10),
        (None, None),
    ],
)
def test_until_when_it_may_be_submitted(value: Any, moment: float | None) -> None:
    assert good(expires=value).expires == moment


def test_tlvs_stand_in_their_order() -> None:
    message = good(tlv={"0x1400": "0a0b", "0x0204": "0001", "0x1401": ""})
    assert message.tlv == ((0x1400, b"\x0a\x0b"), (0x204, b"\0\1"), (0x1401, b""))


def test_the_clients_own_fields_come_along() -> None:
    assert good(echo={"x-a": b"1"}).echo == {"x-a": b"1"}


@pytest.mark.parametrize(
    ("to", "from_", "addresses"),
    [
        ("+34600000001", "ACME", (0, 1, 5, 1)),
        ("2580", "2580", (0, 0, 0, 0)),
        ("+34600000001", "+34911111111", (0, 1, 0, 1)),
        ("+34600000001", "", (0, 1, 0, 0)),
    ],
)
def test_a_link_may_want_other_ton_and_npi(
    to: str, from_: str, addresses: tuple[int, int, int, int]
) -> None:
    own = TonNpi(international=(0, 1), short_code=(0, 0), alphanumeric=(5, 1))
    m = good(to=to, from_=from_, link=linked(ton_npi=own))
    assert (m.dest_ton, m.dest_npi, m.source_ton, m.source_npi) == addresses


def test_the_links_country_goes_before_the_spools() -> None:
    assert good(to="600000001", country="49", link=linked(default_country="34")).to == "34600000001"
    assert good(to="600000001", country="34", link=linked()).to == "34600000001"


# ── what cannot leave ────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("to", ["12", "", "abc", "+0123456789", "+" + "9" * 16, "60000O001"])
def test_a_number_that_is_none(to: str) -> None:
    assert bad(to=to).code == "BAD_TO"


@pytest.mark.parametrize("sender", ["TooLongAName", "a@b", "ñ", " x", "+123", "1" * 20])
def test_a_sender_that_is_none(sender: str) -> None:
    error = bad(from_=sender)
    assert error.code == "BAD_FROM"
    assert "sender" in error.text


@pytest.mark.parametrize(("text", "encoding"), [("ж", "gsm7"), ("ж", "latin1"), ("€", "latin1")])
def test_a_text_that_its_encoding_cannot_express(text: str, encoding: str) -> None:
    error = bad(text=text, encoding=encoding)
    assert error.code == "BAD_ENCODING"
    assert text in error.text
    assert "auto" in error.text


@pytest.mark.parametrize("split", ["udh8", "udh16"])
@pytest.mark.parametrize("udh", [None, "0605040b8423f0"])
def test_a_text_for_more_parts_than_can_be_numbered(split: str, udh: str | None) -> None:
    error = bad(text="x" * 40_000, udh=udh, link=linked(split=split))
    assert error.code == "TOO_LONG"
    assert "255" in error.text


@pytest.mark.parametrize(
    ("udh", "text"),
    [
        ("0705040b8423f0", "x"),  # its length is not its own
        ("03000301", "x"),  # an element beyond its end
        ("0500030a0201", "x" * 200),  # numbered already, and too long for one
        ("8b00" + "00" * 138, "x"),
        ("ff" * 200, "x"),
    ],
)
def test_a_header_that_cannot_be_used(udh: str, text: str) -> None:
    error = bad(udh=udh, text=text)
    assert error.code == "BAD_UDH"
    assert "udh" in error.text


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"tlv": {"0x1400": "01"}, "link": linked(tlvs=False)}, 'link "main" takes no optional'),
        ({"tlv": {"0x0424": "01"}}, "message_payload"),
        ({"tlv": {"0x020C": "0001"}, "text": "x" * 161}, "number one part"),
        ({"tlv": {"0x020e": "02"}, "text": "x" * 161, "link": linked(split="sar")}, "number one"),
        ({"tlv": {"0x020F": "01"}, "udh": "0605040b8423f0"}, "number one part"),
        ({"tlv": {"0x1400": "00" * 65536}}, "65535 octets"),
    ],
)
def test_tlvs_that_cannot_be_sent(fields: dict[str, Any], reason: str) -> None:
    error = bad(**fields)
    assert error.code == "BAD_TLV"
    assert reason in error.text


def test_a_part_that_the_client_numbered_with_tlvs_goes_as_it_is() -> None:
    message = good(tlv={"0x020C": "0001", "0x020E": "02", "0x020F": "01"})
    assert message.tlv == ((0x20C, b"\0\1"), (0x20E, b"\2"), (0x20F, b"\1"))


def test_flash_in_latin1() -> None:
    error = bad(flash=True, encoding="latin1")
    assert error.code == "BAD_FLASH"
    assert "latin1" in error.text


@pytest.mark.parametrize("value", ["soon", "10", "2027-01-15T09:00:00", -1, 0, float("nan"), 1e12])
def test_a_time_that_is_none(value: Any) -> None:
    error = bad(expires=value)
    assert error.code == "BAD_EXPIRES"
    assert error.text.startswith("expires:")


# ── any text at all ──────────────────────────────────────────────────────────────────────────


@given(
    st.text(
        st.characters(exclude_categories=["Cs"]) | st.sampled_from("ñ€[]{}~^|\\àé😀\r\n"),
        min_size=1,
        max_size=700,
    ),
    st.sampled_from(["udh8", "udh16", "sar", "payload"]),
    st.sampled_from(["gsm7", "gsm7_packed", "latin1", "ascii"]),
)
def test_any_text_arrives_as_it_was_written(text: str, split: str, default: str) -> None:
    message = good(text=text, link=linked(split=split, data_coding_0=default))
    several = len(message.segments) > 1
    headed = several and split != "sar"
    assert message.esm_class == (EsmClass.UDHI if headed else 0)
    assert (message.sar is not None) == (several and not headed)
    assert all(
        len(segment) <= (160 if message.encoding == "gsm7" else 140) for segment in message.segments
    )
    pieces = [value for _, value in message.tlv] or message.segments
    read = [decode_text(each, message.data_coding, headed, default) for each in pieces]
    if message.encoding == "gsm7_packed":  # which may lose a CR at the end of a part
        read, text = ["".join(read).replace("\r", "")], text.replace("\r", "")
    assert "".join(read) == text


TEXTS = st.text(st.sampled_from("ab@€ñóж😀{"), min_size=1, max_size=6).map(lambda text: text * 30)


def mostly(usual: object, *others: object) -> st.SearchStrategy[Any]:
    return st.sampled_from([usual] * 3 * len(others) + list(others))


@settings(max_examples=300)
@given(
    text=st.text(st.sampled_from("ab@€ñ{"), min_size=1, max_size=6).map(lambda text: text * 30)
    | TEXTS,
    to=mostly("+34600000001", "0034600000001", "9912345678", "600000001", "0034 600", "12"),
    from_=st.sampled_from([None, "ACME", "+34600000002", "NOT A SENDER AT ALL"]),
    receipt=st.booleans(),
    flash=mostly(False, True),
    echo=st.sampled_from([None, {"x-a": b"1"}]),
    country=st.sampled_from(["", "34"]),
    terms=st.fixed_dictionaries(
        {
            "data_coding_0": mostly("gsm7", "gsm7_packed", "latin1"),
            "transliterate": st.booleans(),
            "on_unknown": st.sampled_from(["hold", "resend"]),
            "ton_npi": mostly(STANDARD_TON_NPI, TonNpi((1, 8))),
            "max_parts": st.sampled_from([1, 255]),
        }
    ),
)
def test_what_is_made_the_quick_way_is_what_any_other_would_be(
    text: str, to: str, country: str, terms: dict[str, Any], **fields: Any
) -> None:
    link = LinkConfig(name="main", hosts=(), system_id="acme", from_="ACME", **terms)
    plain = Plain(link, country)
    plain.make(PlainRequest(to=to, text=text, from_="BEFORE"))
    made = plain.make(PlainRequest(to=to, text=text, **fields))
    other = Request(to=to, text=text, **fields)
    assert made is None or made == prepare(other, to, link, country, lambda sender, to: 7, NOW)


@pytest.mark.parametrize("country", ["", "34"])
@pytest.mark.parametrize("text", ["Hello", "Жук", "a" * 160])
def test_what_most_messages_say_is_made_the_quick_way(text: str, country: str) -> None:
    link = LinkConfig(name="main", hosts=(), system_id="acme")
    assert Plain(link, country).make(PlainRequest(to="+34600000001", text=text)) is not None


@pytest.mark.parametrize("text", ["a" * 161, "ж" * 71])
def test_what_needs_cutting_is_not_made_the_quick_way(text: str) -> None:
    link = LinkConfig(name="main", hosts=(), system_id="acme")
    assert Plain(link, "").make(PlainRequest(to="+34600000001", text=text)) is None


def test_what_is_to_be_transliterated_is_not_made_the_quick_way() -> None:
    link = LinkConfig(name="main", hosts=(), system_id="acme", transliterate=True)
    assert Plain(link, "").make(PlainRequest(to="+34600000001", text="Código")) is None
