"""Facts about a file: opened, its lines admitted, closed, withdrawn, reported."""

from __future__ import annotations

from smppd.ledger.books import Books
from smppd.ledger.facts import (
    QUEUE_SHIFT,
    Fact,
    FileAccount,
    LedgerError,
    read_chunk,
    read_names,
)
from smppd.ledger.lifecycle import QUEUED
from smppd.ledger.slots import FINAL_AT_ADMISSION, Slots


def opened(books: Books, fact: Fact) -> None:
    """A file was claimed."""
    assert fact.msg is not None
    assert fact.detail is not None
    token, name, lane = read_names(fact.detail)
    books.last_file = max(books.last_file, fact.msg)
    books.files[fact.msg] = FileAccount(fact.msg, token, name, lane, fact.at)
    books.slots[fact.msg] = Slots()


def admitted(books: Books, fact: Fact) -> None:
    """A chunk of its lines is at the tails of their queues, or final at once."""
    assert fact.msg is not None
    assert fact.detail is not None
    file, chunk = books.files[fact.msg], read_chunk(fact.detail)
    slots = books.slots[fact.msg]
    slots.extend(chunk.items)
    file.done += len(chunk.final)
    for item, state in chunk.final.items():
        books.end(file.file_id, item, FINAL_AT_ADMISSION)
        books.counts[state] += 1
        file.states[state] += 1
    books.counts[QUEUED] += chunk.queued
    file.states[QUEUED] += chunk.queued
    books.accepted += chunk.items
    file.items += chunk.items
    file.offset, file.line = chunk.offset, chunk.line
    if chunk.references:
        books.references.note(chunk.references.items())
        chunk.references = {}
    file.chunks.append(chunk)
    for first, last, queued in chunk.ranges:
        queue = books.queue(first >> QUEUE_SHIFT)
        queue.queued += queued
        if first != queue.tail + 1:
            raise LedgerError(f"messages {first}… follow {queue.tail}")
        queue.tail = last


def closed(books: Books, fact: Fact) -> None:
    """Every line of it is admitted."""
    assert fact.msg is not None
    books.files[fact.msg].closed = True
    books.touched.add(fact.msg)


def withdrawn(books: Books, fact: Fact) -> None:
    """It was unusable."""
    assert fact.msg is not None
    if books.files[fact.msg].items:
        raise LedgerError(f"file {fact.msg} has messages and cannot be withdrawn")
    del books.files[fact.msg], books.slots[fact.msg]


def reported(books: Books, fact: Fact) -> None:
    """Its results are written."""
    assert fact.msg is not None
    file = books.files[fact.msg]
    file.reported = True
    file.chunks = []
    books.forget_if_done(file)
