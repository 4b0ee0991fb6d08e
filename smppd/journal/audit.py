"""The audit: every account recomputed from the first fact on, and compared with all else there is.

Reads one moment of the journal, beside a running daemon or without one, and the folders of the
spool. What does not hold is a failed check; JournalError only when there is no journal to open.
"""

from __future__ import annotations

import glob
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from itertools import islice
from pathlib import Path

import msgspec

from smppd.journal.messages import there
from smppd.journal.pruning import Removed
from smppd.journal.store import Store, open_reader
from smppd.ledger.accounts import Accounts
from smppd.ledger.entries import Outstanding, read_outstanding
from smppd.ledger.facts import QUEUE_SHIFT, Kind, LedgerError
from smppd.ledger.snapshot import FileAccount
from smppd.message import INITIAL, State

#: What a damaged journal may make of a replay.
_DAMAGE = (
    LedgerError,
    sqlite3.Error,
    msgspec.MsgspecError,
    LookupError,
    AssertionError,
    TypeError,
    ValueError,
)


#: Damaged messages that are named one by one.
MOST_NAMED = 5


class Check(msgspec.Struct, frozen=True):
    """One thing that must hold, whether it does, and what was seen."""

    what: str
    ok: bool
    says: str


class Audit(msgspec.Struct, frozen=True):
    """What was found. `states` counts messages by state, as all the facts together say."""

    accepted: int
    states: dict[str, int]
    checks: list[Check]
    received: int = 0

    @property
    def ok(self) -> bool:
        """Whether everything holds."""
        return all(check.ok for check in self.checks)


def audit(path: Path, spool: Path) -> Audit:
    """Audit the journal at `path` and what it says of the files in `spool`."""
    open_reader(path).close()  # says what is wrong with a file that is no journal of ours
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("PRAGMA query_only = 1")
        return _Auditor(connection, spool).run()


class _Auditor:
    def __init__(self, connection: sqlite3.Connection, spool: Path) -> None:
        self._sql = connection
        self._store = Store(connection)
        self._spool = spool
        self._checks: list[Check] = []
        self._removed = Removed({}, 0, 0, 0)

    def run(self) -> Audit:
        self._sql.execute("BEGIN")  # from here on every read sees the same moment
        self._removed = self._store.pruning.removed()
        accounts = self._replay()
        if accounts is None:
            return Audit(0, {}, self._checks)
        checks = (self._sum, self._rows, self._messages, self._facts, self._results, self._snapshot)
        for check in checks:
            self._note(check, accounts)
        self._sql.execute("ROLLBACK")
        self._note(self._sources, accounts)
        states = {state.label: accounts.counts[state] for state in State}
        return Audit(accounts.accepted, states, self._checks, accounts.received)

    def _replay(self) -> Accounts | None:
        what = "every fact follows from those before it"
        try:
            accounts, _ = self._store.load(from_snapshot=False)
            base = self._store.pruning.in_force()
        except _DAMAGE as error:
            self._checks.append(Check(what, False, f"{type(error).__name__}: {error}"))
            return None
        since = f"; from fact {base[0]:,} on, those before are removed" if base else ""
        self._checks.append(Check(what, True, f"{accounts.seq:,} facts{since}"))
        return accounts

    def _note(self, check: Callable[[Accounts], Check], accounts: Accounts) -> None:
        try:
            self._checks.append(check(accounts))
        except _DAMAGE as error:
            what = check.__name__.strip("_")
            self._checks.append(Check(what, False, f"{type(error).__name__}: {error}"))

    # ── the checks ───────────────────────────────────────────────────────────────────────────

    def _sum(self, accounts: Accounts) -> Check:
        total, rows = sum(accounts.counts), self._store.messages.count()
        removed = sum(self._removed.messages.values())
        told = f", {removed:,} removed from it" if removed else ""
        return _check(
            "every accepted message is in one state",
            f"{accounts.accepted:,} accepted, {total:,} in a state, {rows:,} in the journal{told}",
            holds=accounts.accepted == total == rows + removed,
        )

    def _rows(self, accounts: Accounts) -> Check:
        """Messages are numbered without gaps in each queue, and as many as were admitted."""
        faults = []
        seen = dict.fromkeys(accounts.queues, 0)
        for number, count, first, last in self._store.messages.numbering():
            seen[number] = count
            queue = accounts.queue(number)
            gone = self._removed.messages.get(number, 0)
            base = number << QUEUE_SHIFT
            whole = first > base and last <= queue.tail and count + gone == queue.tail - base
            if not whole or (not gone and (first != base + 1 or last != queue.tail)):
                faults.append(f"queue {number}: {count} messages from {first} to {last}")
        faults += [
            f"queue {number} has no messages up to {queue.tail}"
            for number, queue in accounts.queues.items()
            if not seen[number]
            and queue.tail - (number << QUEUE_SHIFT) != self._removed.messages.get(number, 0)
        ]
        says = "; ".join(faults) or f"queues: {len(accounts.queues):,}"
        return _check("every queue is numbered without gaps", says, holds=not faults)

    def _messages(self, _accounts: Accounts) -> Check:
        """What is in each message."""
        damaged = list(islice(self._store.messages.unreadable(), MOST_NAMED + 1))
        more = ["and more"] if len(damaged) > MOST_NAMED else []
        says = "; ".join([*damaged[:MOST_NAMED], *more]) or "none is damaged"
        return _check("every message can be read", says, holds=not damaged)

    def _facts(self, accounts: Accounts) -> Check:
        found = self._sql.execute(
            "SELECT DISTINCT msg FROM fact WHERE kind >= ? AND msg IS NOT NULL"  # noqa: S608
            f" AND NOT {there('fact.msg', 'fact.msg')}"
            " AND kind NOT IN (?, ?)",  # a pause is about a link, or a file
            (Kind.SENDING, Kind.PAUSED, Kind.RESUMED),
        )
        missing = {msg for (msg,) in found}
        missing.update(*(bundle.missing for bundle in self._store.log.orphans()))
        removed = self._removed.messages
        orphans = sum(
            msg in accounts.entries
            or msg > accounts.queue(msg >> QUEUE_SHIFT).head
            or not removed.get(msg >> QUEUE_SHIFT)
            for msg in missing
        )
        says = f"{orphans:,} facts are about none" if orphans else "none is missing"
        return _check("every fact is about a message that is there", says, holds=not orphans)

    def _results(self, accounts: Accounts) -> Check:
        """Every message that came to its end has left its result, once."""
        removed = self._removed
        (results,) = self._sql.execute(
            "SELECT count(*) FROM fact WHERE result IS NOT NULL"
        ).fetchone()
        results += self._store.log.bundled_results() + removed.results
        at_once = self._store.messages.final_at_once() + removed.at_once
        (barred,) = self._sql.execute(
            "SELECT count(*) FROM fact WHERE kind = ? AND result IS NOT NULL", (Kind.BARRED,)
        ).fetchone()
        barred += removed.barred
        claimed = sum(accounts.counts[state] for state in INITIAL - {State.QUEUED}) - barred
        pending = sum(file.pending for file in accounts.files.values())
        finished = accounts.accepted - at_once - pending
        return _check(
            "every finished message has one result",
            f"{finished:,} finished, {results:,} results, {at_once:,} rejected at once",
            holds=results == finished and at_once == claimed,
        )

    def _snapshot(self, accounts: Accounts) -> Check:
        """A start from the snapshot must come to the same accounts."""
        what = "a start from the snapshot gives the same"
        quick, _ = self._store.load()
        faults = []
        for name in ("seq", "accepted", "received", "unmatched", "counts"):
            replayed, loaded = getattr(accounts, name), getattr(quick, name)
            if replayed != loaded:
                faults.append(f"{name}: {loaded} instead of {replayed}")
        faults += [
            f"queue {number}: {quick.queue(number)} instead of {accounts.queue(number)}"
            for number in accounts.queues.keys() | quick.queues.keys()
            if quick.queue(number) != accounts.queue(number)
        ]
        faults += self._different_entries(accounts, quick)
        says = "; ".join(faults[:5]) or f"{len(accounts.entries):,} outstanding"
        return _check(what, says, holds=not faults)

    def _different_entries(self, accounts: Accounts, quick: Accounts) -> Iterator[str]:
        spilled = self._spilled(accounts.entries.keys() - quick.entries.keys())
        for msg_id, entry in accounts.entries.items():
            other = quick.entries.get(msg_id) or spilled.get(msg_id)
            if other is None:
                yield f"message {msg_id} is forgotten"
            elif (entry.state, entry.part_states) != (other.state, other.part_states):
                yield f"message {msg_id} is {State(other.state).label}"
        for msg_id in quick.entries.keys() - accounts.entries.keys():
            yield f"message {msg_id} is not outstanding"

    def _spilled(self, wanted: set[int]) -> dict[int, Outstanding]:
        """Those of the messages that are kept on disk until their receipt comes."""
        found: dict[int, Outstanding] = {}
        if wanted:
            for blob in self._store.lots.all_waiting():
                entry = read_outstanding(blob)
                if entry.msg_id in wanted:
                    found[entry.msg_id] = entry
        return found

    def _sources(self, accounts: Accounts) -> Check:
        """A file that is not reported lies in `work/`, or has just left it."""
        missing = [file for file in accounts.files.values() if not self._has_source(file)]
        if missing:
            settled = self._settled_since(accounts.seq)
            missing = [file for file in missing if file.file_id not in settled]
        open_files = sum(not file.reported for file in accounts.files.values())
        says = "; ".join(f"work/{file.token}/{file.name} is gone" for file in missing[:5])
        return _check(
            "every file in hand is in work/",
            says or f"open files: {open_files:,}",
            holds=not missing,
        )

    def _has_source(self, file: FileAccount) -> bool:
        if file.reported or (self._spool / "work" / file.token / file.name).exists():
            return True
        # Moved, and about to be reported: at once, or when the daemon is started again.
        stem = glob.escape(file.name).rpartition(".")[0]
        return any((self._spool / "done").glob(f"*/{stem}*"))

    def _settled_since(self, seq: int) -> set[int | None]:
        """Files that a running daemon has reported or withdrawn meanwhile."""
        over = (Kind.FILE_REPORTED, Kind.FILE_WITHDRAWN)
        return {fact.msg for fact in self._store.log.facts(seq) if fact.kind in over}


def _check(what: str, says: str, *, holds: bool) -> Check:
    return Check(what, holds, says)
