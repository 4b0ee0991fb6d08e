"""The journal's tables, and how an older journal becomes a newer one.

Everything on the way of a message is appended under a growing integer key, because random keys
in a growing tree cost kilobytes a message. What must be found by text (client ids, message_ids
that wait for a receipt) is written in sorted lots: the lot's number leads the key, so that a
lot, too, is appended.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager

APPLICATION_ID = 0x736D7070  # "smpp"

#: One script per version; a journal of version n needs those from n on.
MIGRATIONS: tuple[str, ...] = (
    """
    CREATE TABLE message (
        msg_id  INTEGER PRIMARY KEY,
        file_id INTEGER NOT NULL,
        item    INTEGER NOT NULL,
        line    INTEGER NOT NULL,
        id      TEXT,
        state   INTEGER NOT NULL,
        body    BLOB NOT NULL
    );
    CREATE TABLE fact (
        seq    INTEGER PRIMARY KEY,
        at     REAL NOT NULL,
        kind   INTEGER NOT NULL,
        msg    INTEGER,
        part   INTEGER,
        num    INTEGER,
        text   TEXT,
        detail BLOB,
        result BLOB
    );
    CREATE TABLE queue (
        number INTEGER PRIMARY KEY,
        link   TEXT NOT NULL,
        lane   INTEGER NOT NULL,
        UNIQUE (link, lane)
    );
    CREATE TABLE lot (
        lot     INTEGER PRIMARY KEY,
        holds   TEXT NOT NULL,
        created REAL NOT NULL
    );
    CREATE TABLE client_id (
        lot    INTEGER NOT NULL,
        id     TEXT NOT NULL,
        msg_id INTEGER NOT NULL,
        at     REAL NOT NULL,
        PRIMARY KEY (lot, id)
    ) WITHOUT ROWID;
    CREATE TABLE waiting (
        lot   INTEGER NOT NULL,
        key   TEXT NOT NULL,
        entry BLOB NOT NULL,
        PRIMARY KEY (lot, key)
    ) WITHOUT ROWID;
    CREATE TABLE slots (
        file_id INTEGER NOT NULL,
        block   INTEGER NOT NULL,
        data    BLOB NOT NULL,
        PRIMARY KEY (file_id, block)
    );
    CREATE TABLE snapshot (
        only INTEGER PRIMARY KEY CHECK (only = 1),
        seq  INTEGER NOT NULL,
        data BLOB NOT NULL
    );
    """,
    """
    CREATE TABLE api_call (
        seq     INTEGER PRIMARY KEY,
        at      REAL NOT NULL,
        account TEXT NOT NULL,
        op      TEXT NOT NULL,
        params  TEXT NOT NULL,
        outcome TEXT NOT NULL,
        answer  TEXT NOT NULL,
        seconds REAL NOT NULL
    );
    """,
    # A channel is a row of its own, without a destination. Days are counted from 1970.
    """
    CREATE TABLE chat (
        number      INTEGER PRIMARY KEY,
        account     TEXT NOT NULL,
        platform    TEXT NOT NULL,
        platformid  TEXT NOT NULL,
        destination TEXT NOT NULL,
        stage       INTEGER NOT NULL,
        tip         BLOB NOT NULL,
        listed      INTEGER NOT NULL,
        UNIQUE (account, platform, platformid, destination)
    );
    CREATE TABLE chat_seen (
        chat INTEGER NOT NULL,
        key  BLOB NOT NULL,
        day  INTEGER NOT NULL,
        PRIMARY KEY (chat, key)
    ) WITHOUT ROWID;
    """,
    # Every file there was, for whoever asks afterwards; `states` counts as its report does. Who is
    # opted out of which sender's messages (empty: of all). How far each reader of the log has come.
    # How many messages left for a number on a day, counted from 1970.
    """
    CREATE TABLE file (
        file_id  INTEGER PRIMARY KEY,
        token    TEXT NOT NULL,
        name     TEXT NOT NULL,
        lane     INTEGER NOT NULL,
        opened   REAL NOT NULL,
        campaign TEXT,
        items    INTEGER,
        closed   REAL,
        reported REAL,
        placed   TEXT,
        states   BLOB
    );
    CREATE INDEX file_name ON file (name);
    CREATE INDEX file_campaign ON file (campaign) WHERE campaign IS NOT NULL;
    CREATE TABLE opt_out (
        number TEXT NOT NULL,
        sender TEXT NOT NULL,
        at     REAL NOT NULL,
        why    TEXT NOT NULL,
        PRIMARY KEY (number, sender)
    ) WITHOUT ROWID;
    CREATE TABLE cursor (
        name TEXT PRIMARY KEY,
        seq  INTEGER NOT NULL
    ) WITHOUT ROWID;
    CREATE TABLE tally (
        day    INTEGER NOT NULL,
        number TEXT NOT NULL,
        count  INTEGER NOT NULL,
        PRIMARY KEY (day, number)
    ) WITHOUT ROWID;
    """,
    # The accounts as they stood at a fact: by the one in force old rows are removed, and from it an
    # audit begins; what of it was over. How much was removed, by queue; of facts, under 0.
    """
    CREATE TABLE base (
        seq      INTEGER PRIMARY KEY,
        at       REAL NOT NULL,
        in_force INTEGER NOT NULL,
        settled  BLOB NOT NULL,
        data     BLOB NOT NULL
    );
    CREATE TABLE removed (
        queue    INTEGER PRIMARY KEY,
        messages INTEGER NOT NULL,
        at_once  INTEGER NOT NULL,
        results  INTEGER NOT NULL,
        barred   INTEGER NOT NULL
    );
    """,
    # Whether something of a file was ever on its way, once it is reported.
    """
    ALTER TABLE file ADD COLUMN submitted INTEGER;
    """,
    # Rows of `fact` may be bundles, which a version before this would not know: the tables stay as they are.
    "",
    # What operators had the daemon do.
    """
    CREATE TABLE operator_command (
        seq     INTEGER PRIMARY KEY,
        at      REAL NOT NULL,
        who     TEXT NOT NULL,
        uid     INTEGER,
        command TEXT NOT NULL,
        what    TEXT NOT NULL,
        outcome TEXT NOT NULL,
        told    TEXT NOT NULL
    );
    """,
    # Rows of `message` may be bundles as well.
    "",
)


class JournalError(Exception):
    """The journal cannot be opened; the text names the place and the cure."""


@contextmanager
def one_moment(connection: sqlite3.Connection) -> Iterator[None]:
    """All that is read inside is of the same moment, whatever is written meanwhile. Raises
    `JournalError`."""
    try:
        connection.execute("BEGIN")
        try:
            yield
        finally:
            connection.execute("ROLLBACK")
    except sqlite3.Error as error:
        raise JournalError(
            f"the journal cannot be read: {error}: is its disk full or failing?"
        ) from error


#: What SQLite raises where a disk, its owner or damage keep it from reading or writing: not a fault of
#: the program, as its other errors are.
BROKEN = (sqlite3.DatabaseError, sqlite3.OperationalError)


def broken_in_words(error: BaseException) -> str:
    """What one of `BROKEN` comes to, with its cure; empty for any other error."""
    if type(error) is sqlite3.OperationalError:
        cure = "check its permissions, and whether its disk is full or failing"
        return f"the journal cannot be read or written: {error}: {cure}"
    if type(error) is sqlite3.DatabaseError:
        cure = "is its disk failing? smppd audit says more; see Disaster in docs/operate.md"
        return f"the journal is damaged: {error}: {cure}"
    return ""


@contextmanager
def telling_what_is_broken() -> Iterator[None]:
    """Raises `JournalError` for `BROKEN`."""
    try:
        yield
    except BROKEN as error:
        if told := broken_in_words(error):
            raise JournalError(told) from error
        raise


#: What SQLite says where the disk is full: while it writes, and while it makes its index larger.
_FULL = frozenset({sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR_SHMSIZE})


def is_full(error: sqlite3.Error) -> bool:
    """Whether it only lacks room. What a failing disk may have lost is never tried again."""
    return getattr(error, "sqlite_errorcode", 0) in _FULL


def check_version(connection: sqlite3.Connection, path: object) -> int:
    """The journal's version, 0 for a new file. Raises `JournalError` for what is not ours to use."""
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    (application,) = connection.execute("PRAGMA application_id").fetchone()
    tables = connection.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]
    if tables and application != APPLICATION_ID:
        raise JournalError(
            f"{path} is a database, but not a journal of smppd: set [journal] path to another file"
        )
    if version > len(MIGRATIONS):
        raise JournalError(
            f"journal {path} is of version {version}, this smppd knows up to {len(MIGRATIONS)}: "
            "run the newer smppd that wrote it, or set [journal] path to a new file"
        )
    return int(version)


def migrate(connection: sqlite3.Connection, version: int) -> None:
    """Bring the tables from this version to the program's."""
    for number in range(version, len(MIGRATIONS)):
        connection.executescript(
            f"BEGIN; {MIGRATIONS[number]}"
            f"PRAGMA application_id = {APPLICATION_ID}; PRAGMA user_version = {number + 1}; COMMIT;"
        )
