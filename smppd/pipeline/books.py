"""What is known of each link's receipts, and counted; and which links share an account. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TypeVar

from smppd.figures import MatchingFigures
from smppd.pipeline.naming import Naming

_Found = TypeVar("_Found")


class Book:
    """Of one link. `references`: it sends user_message_reference. Links of one `account` are each other's
    `siblings`, and have one naming."""

    def __init__(
        self, message_id_form: str = "auto", *, references: bool = False, account: str = ""
    ) -> None:
        self.naming = Naming(message_id_form)
        self.references = references
        self.account = account
        self.siblings: tuple[str, ...] = ()
        self.figures = MatchingFigures(configured=self.naming.configured)


class Books:
    """Of all links, by their names."""

    def __init__(self) -> None:
        self._books: dict[str, Book] = {}
        #: Links that have come to share an account, until somebody has looked at what they have parked.
        self.joined: set[str] = set()

    def __contains__(self, link: str) -> bool:
        return link in self._books

    def __getitem__(self, link: str) -> Book:
        return self._books[link]

    def introduce(self, link: str, book: Book) -> None:
        """Make a link known before it reports anything, or with another book than before."""
        self._books[link] = book
        for name, each in self._books.items():
            each.siblings = tuple(
                other
                for other, its in self._books.items()
                if each.account and its.account == each.account and other != name
            )
        for sibling in book.siblings:
            self._books[sibling].naming = book.naming
            self.joined |= {link, sibling}

    def of_account(self, link: str) -> tuple[str, ...]:
        """A link, and then those that share its account."""
        book = self._books.get(link)
        return (link,) if book is None else (link, *book.siblings)

    def near(
        self, find: Callable[[str, str], Iterable[_Found]], link: str, to: str
    ) -> list[_Found]:
        """What `find` gives for this handset, of every link of its account."""
        return [found for each in self.of_account(link) for found in find(each, to)]

    def references(self, link: str) -> bool:
        """Whether user_message_reference is sent over some link of its account."""
        return any(self._books[each].references for each in self.of_account(link))

    def figures(self, link: str) -> MatchingFigures:
        """How the receipts of a link found their messages."""
        book = self._books[link]
        book.figures.form = book.naming.form or ""
        return book.figures
