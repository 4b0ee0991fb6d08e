"""Building what keeps the opt-out list, and what heeds the wishes of handsets and chats."""

from __future__ import annotations

from collections.abc import Mapping

from smppd.app.surroundings import Surroundings
from smppd.config import Config
from smppd.events import Emit
from smppd.journal.journal import Journal
from smppd.journal.store import Store
from smppd.message import Lane
from smppd.optout.words import Keywords, Wish
from smppd.pipeline.optouts import OptOuts, Terms
from smppd.ports import Letterbox, Mailbox
from smppd.results.chat_wishes import WishingLetterbox
from smppd.results.confirmations import Confirmations
from smppd.results.wishes import LinkTerms, Wishes, WishingMailbox, WishRules


def build_opt_outs(config: Config, store: Store, journal: Journal) -> OptOuts:
    """The list as the journal has it. Raises what the store raises."""
    return OptOuts(store.opt_outs.load(), journal, opt_out_terms(config))


def opt_out_terms(config: Config) -> Terms:
    """Whose messages an opt-out is about."""
    return Terms(config.optout.senders, [link.from_ for link in config.links])


def spare_lanes(config: Config, book: OptOuts, queues: Mapping[int, tuple[str, Lane]]) -> None:
    """Have the messages of exempt priorities go all the same, whichever of these queues has them."""
    exempt = {Lane[word.upper()] for word in config.optout.exempt_priorities}
    book.spare(number for number, (_, lane) in queues.items() if lane in exempt)


class Heeding:
    """What heeds wishes before the mailbox and the letterbox; hands in what the last run owed.
    OSError when it cannot."""

    def __init__(self, config: Config, book: OptOuts, emit: Emit, around: Surroundings) -> None:
        confirmations = Confirmations(config.spool.path, emit, around.run_sync)
        confirmations.recover(book.is_news)
        rules = _rules(config)
        self._wishes = Wishes(book, confirmations, rules.texts, emit)
        self._more = (self._wishes, rules, emit, around.wall)
        self._changing: list[WishingMailbox | WishingLetterbox] = []

    def handsets(self, mailbox: Mailbox) -> WishingMailbox:
        """Of what comes over links."""
        self._changing.append(wishing := WishingMailbox(mailbox, *self._more))
        return wishing

    def chats(self, letterbox: Letterbox) -> WishingLetterbox:
        """Of what comes in chats."""
        self._changing.append(wishing := WishingLetterbox(letterbox, *self._more))
        return wishing

    def change(self, config: Config) -> None:
        """Heed them by this from now on."""
        rules = _rules(config)
        self._wishes.change(rules.texts)
        for each in self._changing:
            each.change(rules)


def _rules(config: Config) -> WishRules:
    section = config.optout
    return WishRules(
        Keywords(section.stop, section.start, whole=section.match == "whole"),
        section.scope == "all",
        {Wish.STOP: section.stop_text, Wish.START: section.start_text},
        {
            link.name: LinkTerms(
                link.default_country or config.spool.default_country, link.bind != "receiver"
            )
            for link in config.links
        },
        {link.name: link.data_coding_0 for link in config.links},
    )
