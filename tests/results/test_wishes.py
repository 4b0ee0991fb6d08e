"""What handsets ask for: heeded before the SMSC hears of it, and confirmed exactly once."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
import trio

from smppd.events import Event, OptedIn, OptedOut, OptOutUnclear, OptOutUnconfirmed
from smppd.optout.roll import Change, OptOut, OptOutList, confirmation_id
from smppd.optout.words import Keywords, Wish
from smppd.ports import ChatLetter, PolledChannel
from smppd.provider.chat import ChatMessage
from smppd.results.chat_wishes import WishingLetterbox
from smppd.results.confirmations import Confirmations
from smppd.results.wishes import LinkTerms, Wishes, WishingMailbox, WishRules
from smppd.smpp.codec import Undecodable, decode
from smppd.smpp.pdu import DataSm, DeliverSm
from smppd.smpp.vocabulary import EsmClass, Ton

NOW = 1_795_258_740.25
NUMBER = "34600000001"
KEYWORDS = Keywords(["STOP", "BAJA"], ["START", "ALTA"])
TEXTS = {Wish.STOP: "Ya no le escribiremos.", Wish.START: "Le escribiremos."}


async def inline(function: Any, *arguments: Any) -> Any:
    await trio.lowlevel.checkpoint()
    return function(*arguments)


class Book:
    """The list; `dies`: the daemon is killed when a change is to be made, before or after it is."""

    def __init__(self) -> None:
        self.entries = OptOutList()
        self.made: list[Change] = []
        self.dies = ""

    def is_news(self, change: Change) -> bool:
        return self.entries.is_news(change)

    async def change(self, changes: Sequence[Change]) -> int:
        if self.dies == "before":
            raise KeyboardInterrupt
        self.made += changes
        done = sum(self.entries.make(change) for change in changes)
        if self.dies == "after":
            raise KeyboardInterrupt
        return done


class Box:
    """A mailbox that keeps everything unless it is told not to."""

    def __init__(self) -> None:
        self.keeps = True

    async def keep(
        self, _link: str, messages: Sequence[DeliverSm | DataSm | Undecodable]
    ) -> Sequence[bool]:
        await trio.lowlevel.checkpoint()
        return [self.keeps] * len(messages)


class Rig:
    def __init__(self, root: Path) -> None:
        self.root = root
        for name in ("received/optout", "inbox/high"):
            (root / name).mkdir(parents=True)
        self.book, self.box = Book(), Box()
        self.told: list[Event] = []
        self.now = NOW

    def mailbox(self, rules: WishRules | None = None) -> WishingMailbox:
        """As after a start, which hands in what the last run owed."""
        confirmations = Confirmations(self.root, self.told.append, inline)
        confirmations.recover(self.book.is_news)
        rules = rules or WishRules(KEYWORDS, texts=TEXTS)
        wishes = Wishes(self.book, confirmations, rules.texts, self.told.append)
        return WishingMailbox(self.box, wishes, rules, self.told.append, lambda: self.now)

    @property
    def handed_in(self) -> list[dict[str, Any]]:
        paths = sorted((self.root / "inbox/high").iterdir())
        return [json.loads(path.read_bytes()) for path in paths]

    @property
    def drafts(self) -> list[str]:
        return [path.name for path in (self.root / "received/optout").iterdir()]

    def find(self, sender: str = "2580", number: str = NUMBER) -> OptOut | None:
        return self.book.entries.find(number, [sender])


@pytest.fixture
def rig(tmp_path: Path) -> Rig:
    return Rig(tmp_path)


def said(text: str, **fields: Any) -> DeliverSm:
    given: dict[str, Any] = {"source_addr": NUMBER, "destination_addr": "2580", **fields}
    return DeliverSm(short_message=text.encode("ascii"), **given)


async def test_a_handset_opts_out_of_the_number_that_it_writes_to(rig: Rig) -> None:
    assert await rig.mailbox().keep("main", [said("Stop.")]) == [True]
    assert rig.find() == OptOut(NUMBER, "2580", int(NOW), "STOP to 2580 over main")
    assert rig.find("ACME") is None
    assert rig.told == [OptedOut("main", NUMBER, "2580")]


async def test_it_is_confirmed_from_that_number_by_a_message_that_may_pass(rig: Rig) -> None:
    await rig.mailbox().keep("main", [said("STOP")])
    found = rig.find()
    assert found is not None
    assert rig.handed_in == [
        {
            "to": f"+{NUMBER}",
            "text": "Ya no le escribiremos.",
            "id": confirmation_id(found),
            "expires": "1d",
            "from": "2580",
            "via": "main",
        }
    ]
    assert rig.drafts == []


async def test_each_change_is_confirmed_once(rig: Rig) -> None:
    mailbox = rig.mailbox()
    for text in ("STOP", "STOP", "baja", "START", "alta", "START", "hello"):
        rig.now += 1
        await mailbox.keep("main", [said(text)])
    assert [each["text"] for each in rig.handed_in] == [TEXTS[Wish.START], TEXTS[Wish.STOP]]
    assert [type(each) for each in rig.told] == [OptedOut, OptedIn]
    assert rig.find() is None
    rig.now += 1
    await mailbox.keep("main", [said("STOP"), said("STOP")])
    assert len(rig.handed_in) == 3
    assert len({each["id"] for each in rig.handed_in}) == 3


@pytest.mark.parametrize("first", ["STOP", "START"])
@pytest.mark.parametrize("dies", ["before", "after"])
async def test_killed_at_any_step_it_is_in_force_and_confirmed_once(
    rig: Rig, dies: str, first: str
) -> None:
    if first == "START":
        rig.book.entries.make(Change(NUMBER, "2580", 1, "by hand"))
    rig.book.dies = dies
    with pytest.raises(KeyboardInterrupt):
        await rig.mailbox().keep("main", [said(first)])
    assert len(rig.drafts) == 1
    assert rig.handed_in == []
    rig.book.dies = ""
    rig.now += 60
    mailbox = rig.mailbox()  # the daemon starts again
    assert len(rig.handed_in) == (dies == "after")
    assert await mailbox.keep("main", [said(first)]) == [True]  # it was never acknowledged
    assert len(rig.handed_in) == 1
    assert rig.drafts == []
    found = rig.find()
    assert (found is not None) is (first == "STOP")
    if found is not None:
        assert rig.handed_in[0]["id"] == confirmation_id(found)
    rig.mailbox()
    assert len(rig.handed_in) == 1


async def test_what_the_mailbox_does_not_keep_comes_again_and_is_not_heeded_yet(rig: Rig) -> None:
    rig.box.keeps = False
    assert await rig.mailbox().keep("main", [said("STOP")]) == [False]
    assert rig.find() is None


async def test_an_opt_out_does_not_fail_for_want_of_its_confirmation(rig: Rig) -> None:
    mailbox = rig.mailbox()
    (rig.root / "received/optout").rmdir()
    assert await mailbox.keep("main", [said("STOP")]) == [True]
    assert rig.find() is not None
    assert [type(each) for each in rig.told] == [OptOutUnconfirmed, OptedOut]


async def test_what_cannot_be_handed_in_goes_with_the_next(rig: Rig) -> None:
    mailbox = rig.mailbox()
    (rig.root / "inbox/high").rmdir()
    await mailbox.keep("main", [said("STOP")])
    assert [type(each) for each in rig.told] == [OptedOut, OptOutUnconfirmed]
    (rig.root / "inbox/high").mkdir()
    await mailbox.keep("main", [said("STOP", source_addr="34600000002")])
    assert {each["to"] for each in rig.handed_in} == {f"+{NUMBER}", "+34600000002"}


async def test_for_all_senders_a_start_ends_every_opt_out(rig: Rig) -> None:
    rig.book.entries.make(Change(NUMBER, "ACME", 1, "by hand"))
    rules = WishRules(KEYWORDS, from_all=True, texts=TEXTS)
    await rig.mailbox(rules).keep("main", [said("STOP")])
    assert rig.find("anybody") is not None
    await rig.mailbox(rules).keep("main", [said("START")])
    assert not rig.book.entries
    assert [each["text"] for each in rig.handed_in] == [TEXTS[Wish.START], TEXTS[Wish.STOP]]


async def test_what_an_operator_entered_for_all_a_start_to_one_does_not_end(rig: Rig) -> None:
    rig.book.entries.make(Change(NUMBER, "", 1, "a complaint"))
    await rig.mailbox().keep("main", [said("START")])
    assert rig.find() == OptOut(NUMBER, "", 1, "a complaint")
    assert rig.handed_in == []


async def test_a_link_that_only_receives_confirms_nothing_itself(rig: Rig) -> None:
    rules = WishRules(KEYWORDS, texts=TEXTS, links={"main": LinkTerms(submits=False)})
    await rig.mailbox(rules).keep("main", [said("STOP")])
    assert "via" not in rig.handed_in[0]


@pytest.mark.parametrize(
    ("address", "ton", "country", "number"),
    [
        ("34600000001", Ton.INTERNATIONAL, "", "34600000001"),
        ("+34600000001", Ton.UNKNOWN, "", "34600000001"),
        ("34600000001", Ton.INTERNATIONAL, "34", "34600000001"),
        ("600000001", Ton.NATIONAL, "34", "34600000001"),
        ("600000001", Ton.UNKNOWN, "34", "34600000001"),
        ("4520001", Ton.INTERNATIONAL, "34", "4520001"),
    ],
)
async def test_whose_wish_it_is_however_the_number_is_written(
    rig: Rig, address: str, ton: Ton, country: str, number: str
) -> None:
    rules = WishRules(KEYWORDS, links={"main": LinkTerms(country)})
    message = said("STOP", source_addr=address, source_addr_ton=ton)
    await rig.mailbox(rules).keep("main", [message])
    assert rig.find(number=number) is not None
    assert rig.handed_in == []


async def test_a_number_that_is_not_certain_is_told_to_the_operator(rig: Rig) -> None:
    for address in ("600000001", "Operator", ""):
        await rig.mailbox().keep("main", [said("STOP", source_addr=address)])
    assert not rig.book.entries
    assert [type(each) for each in rig.told] == [OptOutUnclear] * 3


async def test_written_to_no_number_it_is_about_all(rig: Rig) -> None:
    await rig.mailbox().keep("main", [said("STOP", destination_addr="")])
    assert rig.find("anybody") is not None
    assert "from" not in rig.handed_in[0]


async def test_other_messages_ask_for_nothing(rig: Rig) -> None:
    acknowledged = said("STOP", esm_class=EsmClass.USER_ACKNOWLEDGEMENT)
    torn = decode(bytes.fromhex("00000011000000050000000000000001ff"))
    assert isinstance(torn, Undecodable)
    messages: list[DeliverSm | Undecodable] = [
        said("hello"),
        said("please stop"),
        acknowledged,
        torn,
    ]
    assert await rig.mailbox().keep("main", messages) == [True] * 4
    assert not rig.book.made


@pytest.mark.parametrize("whole", [True, False])
async def test_a_long_message_may_begin_with_a_keyword(rig: Rig, whole: bool) -> None:
    rules = WishRules(Keywords(["STOP"], [], whole=whole))
    mailbox = rig.mailbox(rules)
    for number, text in ((2, b"STOP"), (1, b"STOP I said")):
        octets = bytes([5, 0, 3, 7, 2, number]) + text
        part = said("", esm_class=EsmClass.UDHI)
        part.short_message = octets
        await mailbox.keep("main", [part])
    assert (rig.find() is not None) is not whole
    assert len(rig.book.made) == (not whole)


async def test_a_data_sm_is_heard_as_well(rig: Rig) -> None:
    message = DataSm(source_addr=NUMBER, destination_addr="2580", tlvs=((0x0424, b"STOP"),))
    await rig.mailbox().keep("main", [message])
    assert rig.find() is not None


# ── in chats ─────────────────────────────────────────────────────────────────────────────────


class Drafts:
    """A letterbox; `noted` would be what the journal is told of."""

    def __init__(self) -> None:
        self.written: list[str] = []

    async def draft(self, letters: Sequence[ChatLetter]) -> list[str] | None:
        await trio.lowlevel.checkpoint()
        self.written += (each.message.text for each in letters)
        return self.written

    async def give_out(self, _drafts: Sequence[str]) -> None:
        await trio.lowlevel.checkpoint()


def chatted(text: str, destination: str = f"+{NUMBER}") -> ChatLetter:
    message = ChatMessage("whatsapp", "100", destination, text, "1", False, "", "", b"{}")
    return ChatLetter(PolledChannel("shop", "whatsapp", "100"), 1, destination, message)


def letterbox(rig: Rig) -> WishingLetterbox:
    confirmations = Confirmations(rig.root, rig.told.append, inline)
    confirmations.recover(rig.book.is_news)
    rules = WishRules(KEYWORDS, texts=TEXTS)
    wishes = Wishes(rig.book, confirmations, rules.texts, rig.told.append)
    return WishingLetterbox(Drafts(), wishes, rules, rig.told.append, lambda: rig.now)


async def test_a_wish_in_a_chat_is_answered_in_the_chat(rig: Rig) -> None:
    assert await letterbox(rig).draft([chatted("Stop"), chatted("hi")]) == ["Stop", "hi"]
    found = rig.find("100")
    assert found == OptOut(NUMBER, "100", int(NOW), "STOP to 100 in whatsapp over shop")
    (answer,) = rig.handed_in
    assert answer["id"] == confirmation_id(found)
    assert (answer["op"], answer["via"]) == ("chat.sendmessage", "shop")
    said = {"destination": NUMBER, "message": TEXTS[Wish.STOP]}
    assert answer["args"] == {"platform": "whatsapp", "platformid": "100", **said}


@pytest.mark.parametrize("dies", ["before", "after"])
async def test_killed_before_its_message_is_noted_a_wish_in_a_chat_is_heeded_once(
    rig: Rig, dies: str
) -> None:
    rig.book.dies = dies
    with pytest.raises(KeyboardInterrupt):  # so the journal never hears of the drafts
        await letterbox(rig).draft([chatted("STOP")])
    rig.book.dies = ""
    rig.now += 60
    await letterbox(rig).draft([chatted("STOP")])  # it is fetched again
    assert rig.find("100") is not None
    assert len(rig.handed_in) == 1
    assert rig.drafts == []


async def test_in_a_chat_without_numbers_it_is_told(rig: Rig) -> None:
    await letterbox(rig).draft([chatted("STOP", "bob")])
    assert rig.book.made == []
    (unclear,) = rig.told
    assert isinstance(unclear, OptOutUnclear)
