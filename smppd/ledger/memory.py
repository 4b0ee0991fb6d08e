"""Keeping memory flat and starts short: what is spilled to disk, and snapshots of the accounts.

A snapshot plus the facts after it give the same accounts as all the facts from the beginning.
"""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from smppd.ledger.accounts import Accounts
from smppd.ledger.deadlines import Deadlines
from smppd.ledger.entries import Outstanding
from smppd.ledger.facts import encode, waiting_key
from smppd.ledger.message_ids import MessageIds, folded_key
from smppd.ledger.slots import Slots
from smppd.ledger.snapshot import Settled, Snapshot
from smppd.message import State

_SENT = int(State.SENT)


def oldest_waiting(accounts: Accounts, keep: int) -> list[Outstanding]:
    """The oldest messages that only wait for receipts, all but so many."""
    excess = len(accounts.message_ids) + accounts.called - keep
    found: list[Outstanding] = []
    for entry in accounts.entries.values():
        if excess <= 0:
            break
        if entry.state == _SENT and not [None for _, key in entry.ids if key[-1] == "\t"]:
            found.append(entry)
            excess -= entry.weight if entry.op else len(entry.ids)
    return found


def spill(
    accounts: Accounts, entries: Iterable[Outstanding], keys: set[str]
) -> list[tuple[str, bytes]]:
    """Remove these of the `oldest_waiting`: (key, entry) pairs, sorted. `keys` are those of the lot so
    far, which has one message for each: another one's turn comes with the next lot. A message of
    which something was heard meanwhile stays, too.

    Spilled messages keep their place in the accounts; `Ledger.recall` brings one back. A call is
    written once, however many destinations it has: it is looked for by its own key.
    """
    rows: list[tuple[str, bytes]] = []
    for entry in entries:
        if entry.state != _SENT or accounts.entries.get(entry.msg_id) is not entry:
            continue
        its_keys = _keys(entry)
        if not keys.isdisjoint(its_keys):
            continue
        keys.update(its_keys)
        blob = encode(entry)
        rows += [(key, blob) for key in its_keys]
        del accounts.entries[entry.msg_id]
        accounts.unlink(entry)
    rows.sort()
    return rows


def place_of(entry: Outstanding) -> str:
    """The first key by which a spilled message is found: a call's is its own."""
    key = entry.ids[0][1]
    return waiting_key(key.partition("\t")[0], entry.msg_id) if entry.op else key


def _keys(entry: Outstanding) -> dict[str, None]:
    """What a spilled message is found by: its message_ids, and their folded forms; a call by a key
    of its own."""
    if entry.op:
        return {place_of(entry): None}
    keys = dict[str, None]()
    for _, key in entry.ids:
        keys[key] = None
        folded = folded_key(key)
        if folded is not None:
            keys[folded] = None
    return keys


def settled(accounts: Accounts) -> bytes:
    """What is over as the accounts stand, so that it may be removed some day."""
    heads = {queue.number: queue.head for queue in accounts.queues.values()}
    return encode(Settled(accounts.last_file, list(accounts.files), heads))


def snapshot(accounts: Accounts, *, base: bool = False) -> bytes:
    """The accounts as they stand, for `restore`. A `base` goes without what only guides those that
    send: an audit looks at none of it, and it is about people."""
    for file_id, file in accounts.files.items():
        file.saved_slots = accounts.slots[file_id].save()
    data = encode(
        Snapshot(
            accounts.seq,
            accounts.counts,
            list(accounts.queues.values()),
            list(accounts.files.values()),
            list(accounts.entries.values()),
            {} if base else dict(accounts.shelf.items()),
            accounts.unmatched,
            accounts.last_file,
            {} if base else accounts.finished.save(),
            b"" if base else accounts.references.save(),
            accounts.agenda.save(),
            {} if base else accounts.unclaimed.ghosts,
            accounts.paused,
            accounts.received,
            accounts.holding.save(),
            accounts.accepted,
            Deadlines() if base else accounts.deadlines,
        )
    )
    for file in accounts.files.values():
        file.saved_slots = {}
    return data


def restore(accounts: Accounts, data: bytes) -> None:
    """Start from a snapshot instead of from nothing."""
    saved = msgspec.msgpack.decode(data, type=Snapshot)
    accounts.seq, accounts.counts, accounts.unmatched = saved.seq, saved.counts, saved.unmatched
    accounts.accepted = sum(saved.counts) if saved.accepted is None else saved.accepted
    accounts.last_file = saved.last_file
    accounts.queues = {queue.number: queue for queue in saved.queues}
    for queue in saved.queues:
        for msg_id in sorted(queue.cancelled):
            queue.passed.add(msg_id, msg_id)
        queue.cancelled = set()
    for key, parked in saved.shelf.items():
        accounts.shelf.put(key, parked)
    accounts.finished.restore(saved.finished)
    accounts.references.restore(saved.references)
    accounts.agenda.restore(saved.agenda)
    accounts.unclaimed.ghosts = saved.ghosts
    accounts.paused = saved.paused
    accounts.received = saved.received
    accounts.holding.restore(saved.holding)
    _restore_deadlines(accounts, saved.deadlines)
    for file in saved.files:
        accounts.files[file.file_id] = file
        accounts.slots[file.file_id] = Slots.restore(file.items, file.saved_slots)
        file.saved_slots = {}
        accounts.touched.add(file.file_id)
        accounts.restrain(file)
    for entry in saved.outstanding:
        accounts.remember(entry)
    if accounts.message_ids.conflicts:
        accounts.message_ids = _in_order(saved.outstanding)


def _restore_deadlines(accounts: Accounts, saved: Deadlines | None) -> None:
    if saved is None:  # written by an earlier version
        accounts.deadlines.learn_of(
            (queue.number, queue.tail) for queue in accounts.queues.values() if queue.queued
        )
        return
    accounts.deadlines = saved
    if saved.looking is not None:  # the look was cut short
        saved.end(0.0, 0.0)


def _in_order(outstanding: list[Outstanding]) -> MessageIds:
    """The index in which, of two messages of one message_id, the one taken later is the newer."""
    ids = MessageIds()
    for entry in sorted(outstanding, key=lambda entry: entry.submitted or 0.0):
        if entry.op:
            continue
        for part, key in entry.ids:
            if not key.endswith("\t"):
                ids.add(key, (entry.msg_id, part))
    return ids
