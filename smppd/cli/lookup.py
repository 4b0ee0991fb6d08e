"""Finding messages in the journal, beside a running daemon or without one."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, contextmanager

from smppd.cli.terminal import CommandError
from smppd.config import Config
from smppd.journal.schema import JournalError, telling_what_is_broken
from smppd.journal.store import Store, open_reader
from smppd.ledger.entries import MessageRow
from smppd.ledger.facts import LedgerError, made_up_msg_id
from smppd.results.story import Story, tell


@contextmanager
def reading(config: Config) -> Iterator[Store]:
    """The journal, for reading. Raises `CommandError`, also for what comes to light inside: that it
    cannot be read, or is damaged."""
    try:
        with telling_what_is_broken(), closing(open_reader(config.journal.path)) as store:
            yield store
    except JournalError as error:
        raise CommandError(str(error)) from None
    except UnicodeEncodeError as error:
        raise CommandError(
            f"{error.object!r} is not UTF-8: check the terminal's locale", 2
        ) from None
    except LedgerError as error:
        raise CommandError(error.of_the_journal) from None


def find(store: Store, id_: str) -> MessageRow | None:
    """The newest message with this id of the client's, or the one with this made-up id."""
    msg_id = made_up_msg_id(id_)
    if msg_id is not None:
        rows = store.messages.read([msg_id])
        if rows and rows[0].id is None:
            return rows[0]
    return store.find_message(id_)


def find_or_fail(store: Store, id_: str) -> MessageRow:
    """As `find`. Raises `CommandError` when there is no such message."""
    row = find_or_several(store, id_)
    if row is not None:
        return row
    raise CommandError(
        f"there is no message {id_} in the journal: check the id; what is still in the inbox, or"
        " being read, is not there yet"
        f"{_removed(store)}"
    )


def find_or_several(store: Store, id_: str) -> MessageRow | None:
    """As `find`. Raises `CommandError` when several messages have this id, each with a number."""
    row = find(store, id_)
    if row is None and find(store, f"{id_}#1") is not None:
        raise CommandError(f"{id_} has several destinations: ask for {id_}#1, {id_}#2 and so on")
    return row


def _removed(store: Store) -> str:
    """That it may be one of those that are removed."""
    count = sum(store.pruning.removed().messages.values())
    if not count:
        return ""
    return f", and {count:,} that were over are removed: see journal in [retention]"


def story_of(store: Store, row: MessageRow) -> Story:
    """The whole story of a message. Raises `LedgerError` when the journal is damaged."""
    return tell(row, store.log.history(row.msg_id), store.admitted_at(row))
