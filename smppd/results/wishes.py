"""What handsets ask for: no more messages, or messages again.

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


class WishRules(msgspec.Struct, frozen=True):
    """The keywords; whether an opt-out is from all senders; what is said to confirm either (empty:
    nothing); and of each link by its name its terms and what data_coding 0 is."""

    keywords: Keywords
    from_all: bool = False
    texts: Mapping[Wish, str] = {}
    links: Mapping[str, LinkTerms] = {}
    alphabets: Alphabets = {}


class _Wanted(NamedTuple):
    """A wish that was understood: the change it is, and what was written to."""

    change: Change
    written_to: str


class WishingMailbox:
    """Heeds wishes on the way to a mailbox; itself a `ports.Mailbox`. `wall` gives epoch seconds."""

    def __init__(
        self,
        mailbox: Mailbox,
        book: OptOutBook,
        confirmations: Confirmations,
        rules: WishRules,
        emit: Emit,
        wall: Callable[[], float],
    ) -> None:
        self._mailbox = mailbox
        self._book = book
        self._confirmations = confirmations
        self._rules = rules
        self._emit = emit
        self._wall = wall
        self._turn = trio.Lock()

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
                await self._heed(link, wishes)
        return kept

    # ── what is asked for ────────────────────────────────────────────────────────────────────

    def _wanted(self, link: str, pdu: DeliverSm | DataSm) -> _Wanted | None:
        said = self._said(link, pdu)
        if said is None:
            return None
        country = self._rules.links.get(link, LinkTerms()).country
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
        return _Wanted(Change(number, sender, int(self._wall()), why, out), written_to)

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

    # ── what is done about it ────────────────────────────────────────────────────────────────

    async def _heed(self, link: str, wishes: Sequence[_Wanted]) -> None:
        async with self._turn:
            news: dict[tuple[str, str | None], _Wanted] = {}
            for wanted in wishes:
                key = wanted.change.number, wanted.change.sender
                # Of two wishes in one read the later one counts, and is news or not by itself.
                news.pop(key, None)
                if self._book.is_news(wanted.change):
                    news[key] = wanted
            drafts = await self._draft(link, list(news.values()))
            await self._book.change([wanted.change for wanted in wishes])
            for wanted in news.values():
                about = wanted.change.sender or "all"
                kind = OptedOut if wanted.change.out else OptedIn
                self._emit(kind(link, wanted.change.number, about))
            if drafts:
                await self._confirmations.hand_in(drafts)

    async def _draft(self, link: str, news: Sequence[_Wanted]) -> list[str]:
        """The confirmations that are to be sent, on disk; their names."""
        submits = self._rules.links.get(link, LinkTerms()).submits
        confirmations = [
            Confirmation(wanted.change, text, wanted.written_to, link if submits else "")
            for wanted in news
            if (text := self._rules.texts.get(_wish(wanted.change)))
        ]
        return await self._confirmations.draft(confirmations) if confirmations else []


_CURE = "set default_country of the link, and enter it: smppd optout add NUMBER"


def _wish(change: Change) -> Wish:
    return Wish.STOP if change.out else Wish.START


def _number(address: str, ton: int, country: str) -> str | None:
    """The digits of an address, if they are certain."""
    if ton == _INTERNATIONAL and not address.startswith(("+", "00")):
        address = f"+{address}"
    found = normalise_destination(address, country)
    return found.digits if isinstance(found, Destination) else None
