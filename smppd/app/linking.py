"""The links, built, made known to who hears what they report, and changed."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

from smppd.app.succession import Moves, Way
from smppd.config import Config, LinkConfig, bound_anew_for
from smppd.control import ControlRefused
from smppd.events import Emit
from smppd.link.link import Link
from smppd.pipeline.books import Book
from smppd.pipeline.refusals import LinkTerms, Refusals
from smppd.pipeline.settlement import Settlement
from smppd.policy import Retries

if TYPE_CHECKING:
    from smppd.app.reloading import Wanted
    from smppd.app.surroundings import Surroundings


class Linking:
    """Keeps `links`, in the order of the configuration."""

    def __init__(
        self, settlement: Settlement, refusals: Refusals, emit: Emit, around: Surroundings
    ) -> None:
        self._settlement = settlement
        self._refusals = refusals
        self._emit = emit
        self._around = around
        self.links: list[Link] = []

    def build(self, config: Config, passwords: Mapping[str, str]) -> None:
        """Those of the configuration with which the daemon starts."""
        for section in config.links:
            self.links.append(link := self._link(section, passwords[section.name]))
            self._introduce(section, link)

    def change(self, old: Config, wanted: Wanted) -> Moves:
        """Have the links that are wanted, and the same ones where a bind says the same."""
        sections = {section.name: section for section in old.links}
        before = {link.name: link for link in self.links}
        self.links.clear()
        draining, beginning = list[Way](), list[Way]()
        for section in wanted.config.links:
            name = section.name
            link, was = before.pop(name, None), sections.get(name)
            if link is None or was is None:
                link = self._link(section, wanted.secrets[name])
                self._introduce(section, link)
                beginning.append(link)
            elif name in wanted.secrets_changed or bound_anew_for(was, section):
                draining.append(link)
                link, other = self._link(section, wanted.secrets[name]), link
                link.take_place_of(other)
                self._introduce(section, link, anew=_named_otherwise(was, section))
                beginning.append(link)
            elif was != section:
                link.change(section)
                self._introduce(section, link, anew=_named_otherwise(was, section))
            self.links.append(link)
        for gone in before.values():
            gone.go()
        return Moves([*draining, *before.values()], beginning)

    def _link(self, section: LinkConfig, password: str) -> Link:
        """A link of this section, which nobody knows yet."""
        wall, connect = self._around.wall, self._around.connect
        return Link(section, password, self._settlement, self._emit, wall=wall, connect=connect)

    def _introduce(self, section: LinkConfig, link: Link, *, anew: bool = True) -> None:
        """Make a link known to who hears what it reports; not `anew`: how its receipts name messages is
        as it was, and what was learnt of that stays."""
        limits = Retries(section.max_attempts, section.retry_min, section.retry_max)
        self._refusals.introduce(section.name, LinkTerms(limits, section.status, link))
        if anew:
            book = Book(
                section.message_id_form,
                references=section.user_message_reference,
                account=section.smsc_account,
            )
            self._settlement.introduce(section.name, book)


def _named_otherwise(was: LinkConfig, section: LinkConfig) -> bool:
    """Whether receipts of the link may name messages otherwise than they did."""
    return any(
        getattr(was, key) != getattr(section, key)
        for key in (
            "message_id_form",
            "user_message_reference",
            "hosts",
            "system_id",
            "smsc_account",
        )
    )


def link_called(name: str, links: Iterable[Link]) -> Link:
    """The link of this name, which an operator gave. Raises `ControlRefused` when there is none."""
    found = {link.name: link for link in links}
    if name not in found:
        raise ControlRefused(f"there is no link {name}; there are {', '.join(found) or 'none'}")
    return found[name]
