"""Facts about a file: opened, its lines admitted, closed, withdrawn, reported."""

from __future__ import annotations

import msgspec

from smppd.campaign import CampaignTerms
from smppd.ledger.facts import CANARY, QUEUE_SHIFT, Fact, LedgerError, read_names
from smppd.ledger.lifecycle import QUEUED
from smppd.ledger.slots import FINAL_AT_ADMISSION, Slots
from smppd.ledger.snapshot import Chunk, FileAccount, Pause, Trial, read_chunk
from smppd.ledger.standing import Standing

_read_terms = msgspec.msgpack.Decoder(CampaignTerms).decode


def opened(standing: Standing, fact: Fact) -> None:
    """A file was claimed."""
    assert fact.msg is not None
    assert fact.detail is not None
    token, name, lane = read_names(fact.detail)
    standing.last_file = max(standing.last_file, fact.msg)
    standing.files[fact.msg] = FileAccount(fact.msg, token, name, lane, fact.at)
    standing.slots[fact.msg] = Slots()


def campaign(standing: Standing, fact: Fact) -> None:
    """It says something of itself as a whole."""
    assert fact.msg is not None
    assert fact.detail is not None
    file = standing.files[fact.msg]
    file.terms = _read_terms(fact.detail)
    if file.terms.canary is not None and file.terms.canary.messages > 0:
        file.trial = Trial()
        standing.restrain(file)


def campaign_cancelled(standing: Standing, fact: Fact) -> None:
    """Nothing more of it leaves; what waits is cancelled one by one."""
    assert fact.msg is not None
    file = standing.files[fact.msg]
    file.cancelled = fact.text or ""
    standing.holding.retain(fact.msg)
    standing.restrain(file)


def campaign_paused(standing: Standing, file: FileAccount, pause: Pause) -> None:
    """Nothing of it leaves until it is resumed."""
    file.held = pause
    if pause.who == CANARY and file.trial is not None:
        file.trial.over = True
    standing.holding.retain(file.file_id)
    standing.restrain(file)


def campaign_resumed(standing: Standing, file: FileAccount, who: str) -> None:
    """It goes on: what was held is due, unless it goes by its first messages and nothing but that
    held it. Its canary lets the rest follow, and leaves alone what an operator paused."""
    trial = file.trial
    if trial is not None and (who == CANARY or file.held is None):
        trial.over = True
    if who != CANARY:
        file.held = None
    standing.restrain(file)
    holding = standing.holding
    if file.held is None and not file.cancelled:
        standing.refilled.update(holding.release(file.file_id))
        for msg_id in holding.back.pop(file.file_id, ()):
            entry = standing.entries.get(msg_id)
            if entry is not None and entry.state == QUEUED:
                standing.wait(entry)


def admitted(standing: Standing, fact: Fact) -> None:
    """A chunk of its lines is at the tails of their queues, or final at once."""
    assert fact.msg is not None
    assert fact.detail is not None
    file, chunk = standing.files[fact.msg], read_chunk(fact.detail)
    slots = standing.slots[fact.msg]
    slots.extend(chunk.items)
    file.done += len(chunk.final)
    for item, state in chunk.final.items():
        standing.end(file.file_id, item, FINAL_AT_ADMISSION)
        standing.counts[state] += 1
        file.states[state] += 1
    standing.counts[QUEUED] += chunk.queued
    file.states[QUEUED] += chunk.queued
    standing.accepted += chunk.items
    file.items += chunk.items
    file.offset, file.line = chunk.offset, chunk.line
    if chunk.references:
        standing.references.note(chunk.references.items())
        chunk.references = {}
    file.chunks.append(chunk)
    if file.trial is not None and file.terms.canary is not None:
        file.trial.admit(chunk, file.terms.canary.messages)
    for first, last, queued in chunk.ranges:
        queue = standing.queue(first >> QUEUE_SHIFT)
        queue.queued += queued
        if first != queue.tail + 1:
            raise LedgerError(f"messages {first}… follow {queue.tail}")
        queue.tail = last
    _note_expiry(standing, chunk)


def _note_expiry(standing: Standing, chunk: Chunk) -> None:
    if chunk.expires is None:  # written by an earlier version
        for first, last, _ in chunk.ranges:
            standing.deadlines.admit(first, last, 0.0)
        return
    for (first, last, _), expires in zip(chunk.ranges, chunk.expires, strict=False):
        if expires is not None:
            standing.deadlines.admit(first, last, expires)


def closed(standing: Standing, fact: Fact) -> None:
    """Every line of it is admitted."""
    assert fact.msg is not None
    standing.files[fact.msg].closed = True
    standing.touched.add(fact.msg)


def withdrawn(standing: Standing, fact: Fact) -> None:
    """It was unusable."""
    assert fact.msg is not None
    if standing.files[fact.msg].items:
        raise LedgerError(f"file {fact.msg} has messages and cannot be withdrawn")
    del standing.files[fact.msg], standing.slots[fact.msg]
    standing.restrained.discard(fact.msg)


def reported(standing: Standing, fact: Fact) -> None:
    """Its results are written."""
    assert fact.msg is not None
    file = standing.files[fact.msg]
    file.reported = True
    file.chunks = []
    standing.forget_if_done(file)
