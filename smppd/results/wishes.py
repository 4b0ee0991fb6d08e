"""What handsets and chats ask for: no more messages, or messages again.

It stands before the mailbox: what came is kept as any other message is, and what it asks for is in
the journal before the SMSC hears that we have it. A crash in between does no harm: it is delivered
again, and asks for nothing new.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

import msgspec
import trio

from smppd.address import Destination, normalise_destination
from smppd.events import Emit, OptedIn, OptedOut, OptOutUnclear
from smppd.optout.roll import EVERYONE, Change, sender_key
from smppd.optout.words import Keywords, Said, Wish
from smppd.ports import Mailbox, OptOutBook
from smppd.results.confirmations import Confirmation, Confirmations
from smppd.results.letters import Alphabets, Piece, join, letter_or_piece
from smppd.smpp.codec import Undecodable
from smppd.smpp.pdu import DataSm, DeliverSm
from smppd.smpp.vocabulary import Ton

_INTERNATIONAL = int(Ton.INTERNATIONAL)


class LinkTerms(msgspec.Struct, frozen=True):
    """Of a link: the dialling code of national numbers, and whether it submits at all."""

    country: str = ""
    submits: bool = True


class Wanted(NamedTuple):
    """A wish that was understood: the change it is, where it came in (a link or an account), and
    what was written to, in a chat on which platform. `answers`: it can be answered there."""

    change: Change
    link: str
    written_to: str
    platform: str = ""
    answers: bool = True


class WishRules(msgspec.Struct, frozen=True):
    """The keywords; whether an opt-out is from all senders; what is said to confirm either (empty:
    nothing); and of each link by its name its terms and what data_coding 0 is."""

    keywords: Keywords
    from_all: bool = False
    texts: Mapping[Wish, str] = {}
    links: Mapping[str, LinkTerms] = {}
    alphabets: Alphabets = {}


class Wishes:
    """Heeds wishes, wherever they come in. `texts` confirm them."""

    def __init__(
        self,
        book: OptOutBook,
        confirmations: Confirmations,
        texts: Mapping[Wish, str],
        emit: Emit,
    ) -> None:
        self._book = book
        self._confirmations = confirmations
        self._texts = texts
        self._emit = emit
        self._turn = trio.Lock()

    def change(self, texts: Mapping[Wish, str]) -> None:
        """Confirm with these from now on."""
        self._texts = texts

    async def heed(self, wishes: Sequence[Wanted]) -> None:
        """On return they are in force and on disk, and confirmed where they are news."""
        async with self._turn:
            news: dict[tuple[str, str | None], Wanted] = {}
            for wanted in wishes:
                key = wanted.change.number, wanted.change.sender
                # Of two wishes in one read the later one counts, and is news or not by itself.
                news.pop(key, None)
                if self._book.is_news(wanted.change):
                    news[key] = wanted
            drafts = await self._draft(list(news.values()))
            await self._book.change([wanted.change for wanted in wishes])
            for wanted in news.values():
                about = wanted.change.sender or "all"
                kind = OptedOut if wanted.change.out else OptedIn
                self._emit(kind(wanted.link, wanted.change.number, about))
            if drafts:
                await self._confirmations.hand_in(drafts)

    async def _draft(self, news: Sequence[Wanted]) -> list[str]:
        """The confirmations that are to be sent, on disk; their names."""
        confirmations = [
            Confirmation(
                wanted.change,
                text,
                wanted.written_to,
                wanted.link if wanted.answers else "",
                wanted.platform,
            )
            for wanted in news
            if (text := self._texts.get(_wish(wanted.change)))
        ]
        return await self._confirmations.draft(confirmations) if confirmations else []


class WishingMailbox:
    """Has wishes heeded on the way to a mailbox; itself a `ports.Mailbox`. `wall` gives epoch
    seconds."""

    def __init__(
        self,
        mailbox: Mailbox,
        wishes: Wishes,
        rules: WishRules,
        emit: Emit,
        wall: Callable[[], float],
    ) -> None:
        self._mailbox = mailbox
        self._wishes = wishes
        self._rules = rules
        self._emit = emit
        self._wall = wall

    def change(self, rules: WishRules) -> None:
        """Understand wishes by these from now on."""
        self._rules = rules

    async def keep(
        self, link: str, messages: Sequence[DeliverSm | DataSm | Undecodable]
    ) -> Sequence[bool]:
        """See `ports.Mailbox`; on return what the kept ones ask for is on disk, too."""
        kept = await self._mailbox.keep(link, messages)
        if self._rules.keywords:
            wishes = [
                wanted
                for pdu, safe in zip(messages, kept, strict=True)
                if safe
                and not isinstance(pdu, Undecodable)
                and (wanted := self._wanted(link, pdu)) is not None
            ]
            if wishes:
                await self._wishes.heed(wishes)
        return kept

    # ── what is asked for ────────────────────────────────────────────────────────────────────

    def _wanted(self, link: str, pdu: DeliverSm | DataSm) -> Wanted | None:
        said = self._said(link, pdu)
        if said is None:
            return None
        terms = self._rules.links.get(link, LinkTerms())
        country = terms.country
        number = _number(pdu.source_addr, pdu.source_addr_ton, country)
        if number is None:
            self._emit(OptOutUnclear(link, said.word, "its sender's number is not certain", _CURE))
            return None
        written_to = _number(pdu.destination_addr, pdu.dest_addr_ton, country)
        if written_to is None:
            written_to = sender_key(pdu.destination_addr)
        out = said.wish is Wish.STOP
        sender: str | None = written_to
        if self._rules.from_all:
            sender = EVERYONE if out else None
        why = f"{said.word} to {written_to or '(no number)'} over {link}"
        change = Change(number, sender, int(self._wall()), why, out)
        return Wanted(change, link, written_to, answers=terms.submits)

    def _said(self, link: str, pdu: DeliverSm | DataSm) -> Said | None:
        """What the message asks for; of a long one the first part is looked at."""
        alphabets = self._rules.alphabets
        found = letter_or_piece(link, self._wall(), pdu, alphabets)
        if isinstance(found, Piece):
            if found.number != 1:
                return None
            found = join([found], alphabets)
            return None if found.kind != "message" else self._rules.keywords.begins(found.text)
        return None if found.kind != "message" else self._rules.keywords.meaning(found.text)


_CURE = "set default_country of the link, and enter it: smppd optout add NUMBER"


def _wish(change: Change) -> Wish:
    return Wish.STOP if change.out else Wish.START


def _number(address: str, ton: int, country: str) -> str | None:
    """The digits of an address, if they are certain."""
    if ton == _INTERNATIONAL and not address.startswith(("+", "00")):
        address = f"+{address}"
    found = normalise_destination(address, country)
    return found.digits if isinstance(found, Destination) else None
