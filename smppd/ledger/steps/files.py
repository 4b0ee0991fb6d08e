"""Facts about a file: opened, its lines admitted, closed, withdrawn, reported."""

from __future__ import annotations

import msgspec

from smppd.campaign import CampaignTerms
from smppd.ledger.facts import QUEUE_SHIFT, Fact, LedgerError, read_names
from smppd.ledger.lifecycle import QUEUED
from smppd.ledger.slots import FINAL_AT_ADMISSION, Slots
from smppd.ledger.snapshot import FileAccount, read_chunk
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
    standing.files[fact.msg].terms = _read_terms(fact.detail)


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
    for first, last, queued in chunk.ranges:
        queue = standing.queue(first >> QUEUE_SHIFT)
        queue.queued += queued
        if first != queue.tail + 1:
            raise LedgerError(f"messages {first}… follow {queue.tail}")
        queue.tail = last


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


def reported(standing: Standing, fact: Fact) -> None:
    """Its results are written."""
    assert fact.msg is not None
    file = standing.files[fact.msg]
    file.reported = True
    file.chunks = []
    standing.forget_if_done(file)
