"""Keeping memory flat and starts short: what is spilled to disk, and snapshots of the accounts.

A snapshot plus the facts after it give the same accounts as all the facts from the beginning.
"""

from __future__ import annotations

import msgspec

from smppd.ledger.accounts import Accounts
from smppd.ledger.facts import Outstanding, Snapshot, encode
from smppd.ledger.slots import Slots
from smppd.message import State


def spill(accounts: Accounts, keep: int) -> list[tuple[str, bytes]]:
    """Remove the oldest messages that only wait for receipts: (key, entry) pairs, sorted.

    Spilled messages keep their place in the accounts; `Ledger.recall` brings one back.
    """
    excess = len(accounts.by_message_id) - keep
    rows: list[tuple[str, bytes]] = []
    if excess <= 0:
        return rows
    gone: list[Outstanding] = []
    for entry in accounts.entries.values():
        if entry.state != State.SENT or any(key.endswith("\t") for _, key in entry.ids):
            continue
        gone.append(entry)
        excess -= len(entry.ids)
        if excess <= 0:
            break
    for entry in gone:
        blob = encode(entry)
        del accounts.entries[entry.msg_id]
        accounts.unlink(entry)
        rows += [(key, blob) for _, key in entry.ids]
    rows.sort()
    return rows


def snapshot(accounts: Accounts) -> bytes:
    """The accounts as they stand, for `restore`."""
    for file_id, file in accounts.files.items():
        file.saved_slots = accounts.slots[file_id].save()
    data = encode(
        Snapshot(
            accounts.seq,
            accounts.counts,
            list(accounts.queues.values()),
            list(accounts.files.values()),
            list(accounts.entries.values()),
            accounts.shelf,
            accounts.unmatched,
            accounts.last_file,
            accounts.finished.save(),
            accounts.references.save(),
            accounts.agenda.save(),
        )
    )
    for file in accounts.files.values():
        file.saved_slots = {}
    return data


def restore(accounts: Accounts, data: bytes) -> None:
    """Start from a snapshot instead of from nothing."""
    saved = msgspec.msgpack.decode(data, type=Snapshot)
    accounts.seq, accounts.counts, accounts.unmatched = saved.seq, saved.counts, saved.unmatched
    accounts.accepted = sum(saved.counts)
    accounts.last_file = saved.last_file
    accounts.queues = {queue.number: queue for queue in saved.queues}
    accounts.shelf.update(saved.shelf)
    accounts.finished.restore(saved.finished)
    accounts.references.restore(saved.references)
    accounts.agenda.restore(saved.agenda)
    for file in saved.files:
        accounts.files[file.file_id] = file
        accounts.slots[file.file_id] = Slots.restore(file.items, file.saved_slots)
        file.saved_slots = {}
        accounts.touched.add(file.file_id)
    for entry in saved.outstanding:
        accounts.remember(entry)
