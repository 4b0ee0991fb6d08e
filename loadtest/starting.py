"""How long the daemon takes to start and to stop with a large journal.

    python loadtest/starting.py --queued 1000000 --outstanding 1000000

Writes a journal with so many queued messages and so many that wait for their receipt, as a daemon
leaves it that is killed with its window full. Starts the daemon on it beside an SMSC that
sends no receipts, lets it submit for a while, stops it with SIGTERM, and starts it once more, now
after a clean stop. Prints how long it took from the start of the process until each came: the
accounts, the bound link, the first submit_sm_resp; and from SIGTERM to the end of the process.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from datetime import datetime
from pathlib import Path

import trio
from benchmark.profiles import PROFILES, Smsc
from benchmark.setting import configuration, own_smsc
from processes import cpu, first_value, start_daemon, stop, until

from smppd.journal.journal import Journal
from smppd.journal.store import open_store
from smppd.ledger.entries import MessageRow
from smppd.ledger.facts import encode
from smppd.ledger.ledger import Ledger
from smppd.ledger.snapshot import Chunk
from smppd.message import Lane, Message, State
from smppd.pipeline.desk import Desk
from smppd.spool.folders import prepare_root

#: Messages that are admitted, and that leave, at once.
CHUNK, LOT = 1000, 100
#: The daemon's link, as `configuration` calls it.
LINK = "l0"
_QUEUED = int(State.QUEUED)


def main() -> int:
    """Run once and print the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--queued", type=int, default=1_000_000)
    parser.add_argument("--outstanding", type=int, default=1_000_000)
    parser.add_argument("--window", type=int, default=100)
    parser.add_argument("--sending", type=float, default=5.0, help="seconds before SIGTERM")
    parser.add_argument("--latency", type=float, default=0.0, help="the SMSC's, in seconds")
    parser.add_argument("--profile", type=Path, help="write cProfile's figures of each run here")
    parser.add_argument("--keep", type=Path, help="write the journal here, or take it from here")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="smppd-start-") as folder:
        root = options.keep or Path(folder)
        if not (root / "journal.db").exists():
            began = time.monotonic()
            write_journal(root, options)
            print(
                f"journal of {_octets(root):,} octets written in {time.monotonic() - began:.0f} s"
            )
        print(f"{'start after':>12} {'accounts':>9} {'bound':>8} {'1st resp':>9} {'CPU':>8} "
              f"{'RSS':>8} {'stop':>8} {'CPU':>8}")  # fmt: skip
        for after in ("kill -9", "SIGTERM"):
            _measure(root, after, options)
    return 0


def write_journal(root: Path, options: argparse.Namespace) -> None:
    """A journal as a daemon leaves it that is killed, and the files that it had claimed."""
    spool = root / "spool"
    if (problem := prepare_root(spool)) is not None:
        sys.exit(problem)
    with closing(open_store(root / "journal.db")) as store:
        store.connection.execute("PRAGMA synchronous = OFF")  # nobody relies on it yet
        queue = store.enter_queue(LINK, Lane.BULK)
        trio.run(_write, spool, Desk(Ledger(), {}, Journal(store), time.time), queue, options)


async def _write(spool: Path, desk: Desk, queue: int, options: argparse.Namespace) -> None:
    assert isinstance(desk.journal, Journal)
    async with trio.open_nursery() as nursery:
        await nursery.start(desk.journal.run)
        for number, (messages, leave) in enumerate(
            ((options.outstanding, True), (options.queued, False)), start=1
        ):
            token = f"20260101T000000000Z-{number:06d}-bulk"
            name = f"file-{number}.jsonl"
            (spool / "work" / token).mkdir()
            (spool / "work" / token / name).write_text("{}\n")
            file_id = desk.ledger.file_opened(desk.wall(), token, name, Lane.BULK)
            for first in range(0, messages, CHUNK):
                rows = await _admit(desk, queue, file_id, min(CHUNK, messages - first))
                if leave:
                    for begun in range(0, len(rows), LOT):
                        _send(desk, rows[begun : begun + LOT])
                    await desk.commit()
                if desk.checkpoint_due():
                    await desk.checkpoint()
            desk.ledger.file_closed(desk.wall(), file_id)
            await desk.commit()
        rows = await desk.journal.read_queue(desk.accounts.queue(queue).head, options.window)
        desk.ledger.sending(desk.wall(), LINK, rows, rows[-1].msg_id)
        await desk.commit()
        nursery.cancel_scope.cancel()


async def _admit(desk: Desk, queue: int, file_id: int, count: int) -> list[MessageRow]:
    now, first_item = desk.wall(), desk.accounts.files[file_id].items
    tail = desk.accounts.queue(queue).tail
    rows = list(_rows(tail, file_id, first_item, count))
    for row in rows:
        desk.recent_ids[row.client_id] = (row.msg_id, now)
    end = first_item + count
    chunk = Chunk([(tail + 1, tail + count, count)], first_item, count, count, {}, end * 100, end)
    desk.ledger.admitted(now, file_id, chunk)
    await desk.commit(rows)
    return rows


def _rows(tail: int, file_id: int, first_item: int, count: int) -> Iterator[MessageRow]:
    for item in range(first_item, first_item + count):
        text = b"Your code is %07d. It is valid for ten minutes. Do not share it." % item
        number = f"346{item:08d}"
        message = Message(number, 1, 1, "ACME", 5, 0, 0, 0, "gsm7", (text,))
        msg_id, client_id = tail + 1 + item - first_item, f"load-{file_id}-{item}"
        yield MessageRow(msg_id, file_id, item, item + 1, client_id, _QUEUED, encode(message))


def _send(desk: Desk, rows: list[MessageRow]) -> None:
    desk.ledger.sending(desk.wall(), LINK, rows, rows[-1].msg_id)
    for row in rows:
        desk.ledger.sent(desk.wall(), LINK, row.msg_id, 0, str(10**9 + row.msg_id))


def _measure(root: Path, after: str, options: argparse.Namespace) -> None:
    """Start, submit for a while, stop."""
    load = replace(
        PROFILES["bulk"],
        window=options.window,
        smsc=Smsc(latency=options.latency, receipts=False),
    )
    before = _last_seq(root)
    profile = options.profile and options.profile.with_suffix(f".{after.partition(' ')[0]}")
    with own_smsc(root, load) as smsc:
        config = configuration(root, load, [(smsc.address, "load")])
        began = time.time()
        daemon = start_daemon(root, config, profile)
        until(lambda: _first_answer(root, before) is not None, daemon, root, 300.0)
        started = cpu(daemon.pid)
        first = _first_answer(root, before)
        assert first is not None
        time.sleep(options.sending)
        spent, stopped = cpu(daemon.pid), time.monotonic()
        usage = stop(daemon)
        seconds = time.monotonic() - stopped
        spent = usage.ru_utime + usage.ru_stime - spent
    if daemon.returncode:
        sys.exit(f"the daemon failed:\n{(root / 'log').read_text()[-2000:]}")
    accounts, bound = (_moment(root, event) - began for event in ("daemon_started", "link_bound"))
    print(f"{after:>12} {accounts:>7.2f} s {bound:>6.2f} s {first - began:>7.2f} s {started:>6.2f} s "
          f"{usage.ru_maxrss / 1024:>5.0f} MB {seconds:>6.2f} s {spent:>6.2f} s")  # fmt: skip


def _octets(root: Path) -> int:
    return (root / "journal.db").stat().st_size


def _moment(root: Path, event: str) -> float:
    """When this was logged first (epoch seconds)."""
    for line in (root / "log").read_text().splitlines():
        if f'"{event}"' in line:
            return datetime.fromisoformat(json.loads(line)["timestamp"]).timestamp()
    sys.exit(f"the log says nothing of {event}")


def _last_seq(root: Path) -> int:
    return int(first_value(root / "journal.db", "SELECT max(seq) FROM fact") or 0)


def _first_answer(root: Path, before: int) -> float | None:
    """When the first submit_sm_resp after this fact was noted (epoch seconds)."""
    answer = f"SELECT at FROM fact WHERE seq > {before} AND kind IN (12, 35) ORDER BY seq LIMIT 1"
    return first_value(root / "journal.db", answer)


if __name__ == "__main__":
    sys.exit(main())
