"""An SMS made for SMPP, as a call: the same text, or it stays."""

from __future__ import annotations

from itertools import count
from typing import Any

import msgspec
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from smppd.config import LinkConfig
from smppd.message import Call, Message, Request
from smppd.prepare import prepare
from smppd.recast import as_call, text_of

NOW = 1_800_000_000.0
_GSM = "abcXYZ 019@£$¥èé\n\rÅåΔ_ΦÆæß!\"#¤%&'()*+,-./:;<=>?¡ÄÖÑÜ§¿äöñüà\f^{}\\[~]|€"


def made(
    text: str | None = "Hola", *, link: dict[str, Any] | None = None, **fields: Any
) -> Message:
    """A message as the daemon prepares it."""
    config = LinkConfig(
        name="main", hosts=(), system_id="acme", **({"from_": "ACME"} | (link or {}))
    )
    numbers = count(200)
    request = Request(to=fields.pop("to", "+34600000001"), text=text, **fields)
    found = prepare(request, str(request.to), config, "", lambda *_: next(numbers), NOW)
    assert isinstance(found, Message), found
    return found


TEXTS = st.one_of(
    st.text(st.sampled_from(_GSM), min_size=1, max_size=700),
    st.text(st.sampled_from("a\r€"), min_size=1, max_size=480),
    st.text(min_size=1, max_size=300),
    st.text(st.characters(max_codepoint=0xFF), min_size=1, max_size=300),
    st.text(st.sampled_from("añ😀e\u0301\u200d한"), min_size=1, max_size=300),
)
LINKS = st.fixed_dictionaries(
    {
        "data_coding_0": st.sampled_from(["gsm7", "gsm7_packed", "latin1", "ascii"]),
        "split": st.sampled_from(["udh8", "udh16", "sar", "payload"]),
        "transliterate": st.just(False),
    }
)


@settings(max_examples=600, deadline=None)
@example("a" * 159 + "\r", {"data_coding_0": "gsm7_packed", "split": "udh8"}, "auto")
@example("a" * 152 + "\r" + "b" * 20, {"data_coding_0": "gsm7_packed", "split": "udh8"}, "auto")
@example("a" * 151 + "\r" + "b" * 20, {"data_coding_0": "gsm7_packed", "split": "udh16"}, "auto")
@example("a" * 152 + "€" + "b" * 20, {"data_coding_0": "gsm7_packed", "split": "udh8"}, "auto")
@example("a" * 152 + "\r€" + "b" * 20, {"data_coding_0": "gsm7_packed", "split": "sar"}, "auto")
@example("a" * 152 + "€" + "b" * 20, {"data_coding_0": "gsm7", "split": "udh8"}, "auto")
@given(TEXTS, LINKS, st.sampled_from(["auto", "ucs2", "latin1", "gsm7"]))
def test_the_text_comes_back_as_it_was_or_not_at_all(
    text: str, link: dict[str, Any], encoding: str
) -> None:
    config = LinkConfig(name="main", hosts=(), system_id="acme", from_="ACME", **link)
    request = Request(to="+34600000001", text=text, encoding=encoding)
    message = prepare(request, "+34600000001", config, "", lambda *_: 7, NOW)
    if not isinstance(message, Message):
        return
    found = text_of(message)
    packed = message.encoding == "gsm7_packed"
    if found is None:
        # Only a packed part that may end in either of two ways is not certain.
        assert packed
        assert len(message.segments) > 1
        assert "\x1b" in text or any(char in text for char in "^{}\\[~]|€\f")
        return
    if packed and found + "\r" == text:
        return  # the octets are the same without it
    assert found == text


@pytest.mark.parametrize("split", ["udh8", "udh16", "sar", "payload"])
@pytest.mark.parametrize("coding", ["gsm7", "gsm7_packed", "latin1", "ascii"])
def test_long_texts_come_back_in_every_manner(split: str, coding: str) -> None:
    link = {"data_coding_0": coding, "split": split}
    for text in ("Hola " * 100, "ñandú 한국 " * 40):
        message = made(text, link=link)
        assert len(message.segments) > 1 or split == "payload"
        assert text_of(message) == text


def test_the_call_has_the_text_the_number_without_plus_and_the_sender() -> None:
    call = as_call(made("¿Qué? 50% + 1 €", from_="TIENDA"), "ACME", "WEB")
    assert call == Call(
        "sms.sendsms", {"from": "TIENDA", "to": "34600000001", "sms": "¿Qué? 50% + 1 €"}
    )
    assert not call.harmless


def test_a_short_international_number_is_one() -> None:
    call = as_call(made(to="+376312345"), "ACME", "WEB")
    assert isinstance(call, Call), call
    assert call.params["to"] == "376312345"


def sender_of(message: Message, links: str, own: str) -> str:
    found = as_call(message, links, own)
    return found if isinstance(found, str) else str(found.params["from"])


def test_the_sender_is_the_messages_or_that_of_the_account() -> None:
    own, default = made(from_="TIENDA"), made()
    assert sender_of(own, "ACME", "WEB") == "TIENDA"
    assert sender_of(default, "ACME", "WEB") == "WEB"
    assert sender_of(default, "ACME", "") == "ACME"
    assert sender_of(msgspec.structs.replace(default, links_sender=True), "", "WEB") == "WEB"
    nobody = made(link={"from_": ""})
    assert sender_of(nobody, "", "WEB") == "WEB"
    assert "no sender" in sender_of(nobody, "", "")


@pytest.mark.parametrize(
    "message",
    [
        made(flash=True),
        made("ñ한", flash=True),
        made(None, data="00ff"),
        made(None, data="48656c6c6f"),
        made(udh="050003010201"),
        made("x" * 300, udh="0401020304"),
        made(udh="0401020304"),
        made(tlv={"0x1400": "01"}),
        made("x" * 300, tlv={"0x1400": "01"}, link={"split": "payload"}),
        made("x" * 300, tlv={"0x1400": "01"}, link={"split": "sar"}),
        made(send_at="2027-06-01T00:00:00+00:00", link={"schedule": "smsc"}),
        msgspec.structs.replace(made(), call=Call("sms.sendsms", {})),
        msgspec.structs.replace(made(), esm_class=0x80),
        msgspec.structs.replace(made(), data_coding=0xF0),
        msgspec.structs.replace(made("ñ한"), segments=(b"\xd8\x00",)),
        msgspec.structs.replace(made(), segments=(b"ab\x1b",)),
    ],
)  # fmt: skip
def test_what_a_call_cannot_say_stays(message: Message) -> None:
    assert isinstance(as_call(message, "ACME", "WEB"), str)


def test_what_is_held_here_until_its_time_goes() -> None:
    assert isinstance(as_call(made(send_at="2027-06-01T00:00:00+00:00"), "ACME", "WEB"), Call)
