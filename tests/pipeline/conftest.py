"""A daemon's pipeline without sockets: the real journal on a real file, everything else scripted.

A `Bench` is what outlives the daemon (journal and spool), a `Life` is one run of the daemon on it.
Everything runs in place on trio's clock, so that a test decides what happens between two commits.
"""

from __future__ import annotations

import json
import shutil
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from itertools import count
from pathlib import Path
from typing import Any

import pytest
import trio

from smppd.campaign import CampaignTerms
from smppd.config import ContactsConfig, HttpConfig, LinkConfig, RouteConfig
from smppd.disk import Disk
from smppd.events import Event
from smppd.journal.items import Items
from smppd.journal.journal import Journal
from smppd.journal.store import Batch, open_reader, open_store
from smppd.ledger.accounts import Accounts
from smppd.ledger.entries import MessageRow
from smppd.ledger.facts import Kind
from smppd.ledger.ledger import Ledger
from smppd.message import Lane, Part, State
from smppd.pipeline.admission import Admission
from smppd.pipeline.books import Book
from smppd.pipeline.calls import CallSettlement, CallTerms
from smppd.pipeline.campaigns import Campaigns
from smppd.pipeline.desk import Desk
from smppd.pipeline.dispatch import Dispatcher
from smppd.pipeline.items import Terms
from smppd.pipeline.overdue import Overdue
from smppd.pipeline.pools import Pool
from smppd.pipeline.publish import Publication
from smppd.pipeline.refusals import LinkTerms, Refusals
from smppd.pipeline.settlement import Settlement
from smppd.pipeline.turns import Turns
from smppd.pipeline.unheard import Unheard
from smppd.policy import Retries
from smppd.ports import (
    Answered,
    Brief,
    CallOutcome,
    Claimed,
    Outcome,
    ReceiptOf,
    Returned,
    Unanswered,
)
from smppd.results.lines import ResultLine
from smppd.results.placer import Placer
from smppd.results.reporter import Reporter
from smppd.results.story import tell
from smppd.smpp.codec import Undecodable
from smppd.smpp.pdu import DataSm, DeliverSm
from smppd.smpp.receipt import FINAL_STATES, DeliveryReceipt
from smppd.smpp.vocabulary import MessageState
from smppd.spool.folders import prepare_root
from smppd.spool.formats import parse_line

#: Epoch seconds at which trio's clock stands at nought.
EPOCH = 1_800_000_000.0
RETRIES = Retries(max_attempts=3, shortest=30.0, longest=600.0)
DEDUPE_WINDOW = 7 * 86_400.0
LINKS = ("main", "other")

RunSync = Callable[..., Awaitable[Any]]


class KilledError(Exception):
    """The process is gone: nobody was told, nothing was cleaned up."""


class Mortal:
    """Runs the journal's turns in place, until the one with which the daemon dies.

    `unwritten`: it dies before that turn is on disk; otherwise after, but before anybody knows.
    What still runs by then sees a disk that stays as it was. The turns are those since it was up.
    """

    def __init__(self, dies_at: int | None = None, *, unwritten: bool = False) -> None:
        self.turns = 0
        self.is_up = False
        self.dies_at = dies_at
        self.unwritten = unwritten
        self.death = trio.Event()

    async def __call__(self, function: Callable[..., Any], *arguments: Any) -> Any:
        self.turns += 1
        dies = self.is_up and self.turns == self.dies_at
        if self.death.is_set() or (dies and self.unwritten):
            arguments[0].batch = Batch()
        await trio.lowlevel.checkpoint()
        outcome = function(*arguments)
        if dies:
            self.death.set()
            await trio.lowlevel.checkpoint()
        return outcome

    async def kill(self) -> None:
        """End the daemon when its time has come."""
        await self.death.wait()
        raise KilledError


class Wire:
    """A scripted route: keeps what it was given until the test says what became of it.

    Whatever is submitted must be on disk as `sending` by then.
    """

    def __init__(
        self,
        name: str,
        window: int,
        check: Callable[[Sequence[Part]], None],
        dead: trio.Event,
    ) -> None:
        self._name = name
        self.dead = dead
        self.window = window
        self.lots: list[list[Part]] = []
        self.in_flight: list[Part] = []
        self.urgent = 0
        self.paused = False
        self.reconnects: list[str] = []
        self.called_back: list[Part] = []
        self._check = check
        self._news = trio.lowlevel.ParkingLot()

    @property
    def name(self) -> str:
        return self._name

    @property
    def room(self) -> int:
        return 0 if self.paused else max(0, self.window - len(self.in_flight))

    async def wait_room(self) -> None:
        await trio.lowlevel.checkpoint()
        while not self.room:
            await self._news.park()

    def submit(self, parts: Sequence[Part], urgent: int = 0) -> None:
        if self.dead.is_set():
            return
        self._check(parts)
        self.lots.append(list(parts))
        self.urgent += urgent
        self.in_flight.extend(parts)

    def pause(self) -> None:
        self.paused = True

    def resume(self) -> None:
        self.paused = False
        self._news.unpark_all()

    def reconnect(self, reason: str) -> None:
        self.reconnects.append(reason)

    def take_back(self, wanted: Callable[[int], bool]) -> None:
        """The test decides what of it was begun."""
        self.called_back = [part for part in self.in_flight if wanted(part.msg_id)]

    def open(self, window: int) -> None:
        """Have so much room in all from now on."""
        self.window = window
        self._news.unpark_all()

    def release(self, part: Part) -> None:
        if part in self.in_flight:
            self.in_flight.remove(part)
        self._news.unpark_all()

    @property
    def submitted(self) -> list[Part]:
        """Every part that was ever handed over, in order."""
        return [part for lot in self.lots for part in lot]


class Tray:
    """Receipts and messages from handsets, kept in memory."""

    def __init__(self) -> None:
        self.receipts: list[ReceiptOf] = []
        self.messages: list[tuple[str, DeliverSm | DataSm | Undecodable]] = []

    def append(self, receipts: Sequence[ReceiptOf]) -> None:
        self.receipts += receipts

    async def keep(
        self, link: str, messages: Sequence[DeliverSm | DataSm | Undecodable]
    ) -> list[bool]:
        self.messages += [(link, message) for message in messages]
        return [True] * len(messages)


class Life:
    """One run of the daemon."""

    def __init__(
        self, bench: Bench, run_sync: RunSync, dead: trio.Event, window: int, links: Sequence[str]
    ) -> None:
        self.bench = bench
        self.dead = dead
        self.store = open_store(bench.path)
        self.reader = open_reader(bench.path)
        self.ledger = Ledger()
        self.ledger.accounts, recent = self.store.load()
        self.disk = Disk()
        self.journal = Journal(self.store, run_sync=run_sync, disk=self.disk)
        self.desk = Desk(self.ledger, recent, self.journal, bench.wall)
        self.tray = Tray()
        self.events: list[Event] = []
        self.refusals = Refusals(self.desk, self.events.append, lambda: bench.chance)
        self.settlement = Settlement(self.desk, self.tray, self.tray, self.refusals)
        self.unheard = Unheard(self.desk, bench.receipt_wait, bench.wall, self.events.append)
        self.calls = CallSettlement(
            self.desk, self.refusals, self.events.append, lambda: bench.chance
        )
        #: What happens between the publication's word and the reading of a file's results.
        self.before_reading: Callable[[], Awaitable[None]] = trio.lowlevel.checkpoint
        ways = [*links, *bench.accounts]
        shares = {name: Turns([name]) for name in ways} | {
            route.pool: Turns(route.links, route.weights, route.failover_after)
            for route in bench.routes
        }
        self.queues = {
            (pool, lane): self.store.enter_queue(pool, lane) for pool in shares for lane in Lane
        }
        self.pools = [self._pool(name, turns) for name, turns in shares.items()]
        self.wires = {name: Wire(name, window, self._check, dead) for name in ways}
        self.wire = self.wires[ways[0]]
        self.campaigns = Campaigns(self.desk, self.events.append, list(self.wires.values()))
        self.overdue = Overdue(self.desk)
        self.dispatchers = [self._dispatcher(name) for name in ways]
        self.admission = Admission(self.desk, self._terms(links), self.events.append)
        self.publication = Publication(
            self.desk,
            Reporter(
                Placer(bench.root, Items(self.reader)),
                self._read_in_place,
                earlier=self.accounts.last_file,
            ),
            self.reader.lots.all_waiting,
            self.events.append,
            bench.report_after,
            self.admission.forget_file,
        )

    @property
    def accounts(self) -> Accounts:
        return self.ledger.accounts

    def _pool(self, name: str, turns: Turns) -> Pool:
        return Pool(
            self.desk, name, [self.queues[name, lane] for lane in Lane], turns, self.events.append
        )

    def _dispatcher(self, link: str) -> Dispatcher:
        pools = [pool for pool in self.pools if link in pool.turns.links]
        dispatcher = Dispatcher(self.desk, self.wires[link], pools)
        bench = self.bench
        account = bench.smsc_account
        book = Book(bench.message_id_form, references=bench.references, account=account)
        self.settlement.introduce(link, book)
        terms = LinkTerms(RETRIES, self.bench.overrides, self.wires[link])
        self.refusals.introduce(link, terms)
        self.calls.introduce(link, CallTerms(RETRIES, self.bench.asks))
        return dispatcher

    def _terms(self, links: Sequence[str]) -> Terms:
        configs = {
            name: LinkConfig(name=name, hosts=(), system_id="acme", from_="ACME") for name in links
        }
        configs |= self.bench.links
        bench = self.bench
        return Terms(configs, self.queues, "", DEDUPE_WINDOW, bench.routes, bench.accounts)

    async def _read_in_place(self, function: Callable[..., Any], *arguments: Any) -> Any:
        await self.before_reading()
        if self.dead.is_set():
            await trio.sleep_forever()
        return function(*arguments)

    def close(self) -> None:
        self.reader.close()
        self.store.close()

    def _check(self, parts: Sequence[Part]) -> None:
        """Each part must stand on disk as about to be submitted, as often as it was."""
        self.bench.on_submit(parts)
        for msg_id in dict.fromkeys(part.msg_id for part in parts):
            self.bench.submissions[msg_id] += 1
            sendings = [
                fact for fact in self.reader.log.history(msg_id) if fact.kind == Kind.SENDING
            ]
            assert len(sendings) >= self.bench.submissions[msg_id], "submitted before it is on disk"

    async def account_for_the_last_run(self) -> None:
        """What the composition root does first of all."""
        await self.settlement.account_for_the_last_run()

    # ── handing in ───────────────────────────────────────────────────────────────────────────

    async def hand_in(
        self,
        lines: Sequence[Mapping[str, Any] | bytes],
        name: str = "a.jsonl",
        *,
        lane: Lane = Lane.NORMAL,
        token: str = "t1",
        chunk: int = 250,
        terms: CampaignTerms | None = None,
    ) -> int:
        """Claim a file and admit it, from where an earlier life left it; its file_id."""
        raw = [line if isinstance(line, bytes) else json.dumps(line).encode() for line in lines]
        path = self.bench.root / "work" / token / name
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(b"".join(line + b"\n" for line in raw))
        unread = await self.admission.open_file(Claimed(token, name, lane, path.parent))
        if terms is not None and not unread.line:
            await self.admission.note_terms(unread.file_id, terms)
        for start in range(unread.line, len(raw), chunk):
            end = min(start + chunk, len(raw))
            lot = [parse_line(raw[n], n + 1) for n in range(start, end)]
            offset = sum(len(line) + 1 for line in raw[:end])
            await self.admission.admit(unread.file_id, lot, offset, end)
        await self.admission.close_file(unread.file_id)
        return unread.file_id

    async def hand_in_brief(
        self, messages: Sequence[Mapping[str, Any] | bytes], token: str = "t1", first: int = 0
    ) -> None:
        """Claim a file for each of these and admit them at once."""
        folder = self.bench.root / "work" / token
        files = []
        for number, each in enumerate(messages, first):
            raw = each if isinstance(each, bytes) else json.dumps(each).encode()
            claimed = Claimed(token, f"{number}.json", Lane.NORMAL, folder)
            files.append(Brief(claimed, parse_line(raw, 1), len(raw)))
        await self.admission.admit_brief(files)

    async def hand_in_calls(
        self, lines: Sequence[Mapping[str, Any]], name: str = "calls.jsonl", *, chunk: int = 3
    ) -> list[Part]:
        """Claim a file of operations and admit it; what the account "http" was given."""
        before = len(self.wires["http"].submitted)
        named = [{"id": f"c-{n}", **line} for n, line in enumerate(lines)]
        await self.hand_in(named, name, token="t2", chunk=chunk)
        await trio.testing.wait_all_tasks_blocked()
        return self.wires["http"].submitted[before:]

    async def settle_call(self, outcome: CallOutcome, part: Part | None = None) -> None:
        """The account "http" reports what came of a call; it has room for another then."""
        if part is not None:
            self.wires["http"].release(part)
        await self.calls.settle_calls("http", [outcome])
        await trio.testing.wait_all_tasks_blocked()

    async def submit(self, *lines: Mapping[str, Any]) -> list[Part]:
        """Hand messages in and have them submitted; their parts."""
        before = len(self.wire.submitted)
        await self.hand_in(lines, f"{before}.jsonl")
        await trio.testing.wait_all_tasks_blocked()
        return self.wire.submitted[before:]

    # ── what links report ────────────────────────────────────────────────────────────────────

    async def settle(self, *outcomes: Outcome, link: str = "main") -> None:
        await self.settlement.settle(link, outcomes)

    async def answer(
        self,
        part: Part,
        status: int = 0,
        message_id: str | None = None,
        *,
        late: bool = False,
        link: str = "main",
    ) -> None:
        """The SMSC answers a part."""
        self.wires[link].release(part)
        named = self.name_of(part) if message_id is None else message_id
        await self.settle(
            Answered(part.msg_id, part.index, status, "" if status > 0 else named, late), link=link
        )

    def answered(self, part: Part) -> Answered:
        """That the SMSC took a part."""
        return Answered(part.msg_id, part.index, 0, self.name_of(part))

    async def lose(self, part: Part, link: str = "main") -> None:
        """No answer came for a part."""
        self.wires[link].release(part)
        await self.settle(Unanswered(part.msg_id, part.index, "no answer"), link=link)

    async def give_back(self, part: Part, link: str = "main") -> None:
        """A part was not submitted after all."""
        self.wires[link].release(part)
        await self.settle(Returned(part.msg_id, part.index), link=link)

    async def receive(self, *receipts: DeliveryReceipt, link: str = "") -> None:
        """Delivery receipts come, over this link."""
        await self.settlement.settle(link or self.bench.receiving, (), receipts)

    @staticmethod
    def name_of(part: Part) -> str:
        """The message_id that the SMSC gives a part unless the test says otherwise."""
        return f"{part.msg_id:x}.{part.index}"

    @staticmethod
    def receipt(
        message_id: str,
        state: MessageState | None = MessageState.DELIVERED,
        *,
        alternative_id: str = "",
        final: bool | None = None,
        error: str = "000",
        source: str = "34600000001",
        raw: bytes = b"",
        submit_date: str = "",
        reference: int | None = None,
        unproven: DeliverSm | None = None,
    ) -> DeliveryReceipt:
        """A delivery receipt as the protocol's reader hands it over."""
        ends = state in FINAL_STATES if final is None else final
        return DeliveryReceipt(
            message_id,
            alternative_id,
            state,
            ends,
            error,
            submit_date,
            "2611210000",
            source,
            raw,
            reference,
            unproven,
        )

    # ── looking ──────────────────────────────────────────────────────────────────────────────

    def states(self) -> dict[str, int]:
        """Messages by state, as the accounts have them."""
        return {state.label: n for state in State if (n := self.accounts.counts[state])}

    def due_in(self, part: Part) -> float:
        """In how many seconds a message goes again."""
        due = self.accounts.entries[part.msg_id].due
        assert due is not None
        return due - self.bench.wall()

    def row(self, client_id: str) -> MessageRow:
        row = self.reader.find_message(client_id)
        assert row is not None
        return row

    def shown(self, client_id: str) -> ResultLine:
        """The result of a message as its facts on disk tell it."""
        row = self.row(client_id)
        return tell(row, self.reader.log.history(row.msg_id), None).result

    def texts(self, parts: Sequence[Part]) -> list[str]:
        """The client ids of parts, with the part's number where it is not the first."""
        ids = {row.msg_id: row.client_id for row in self._rows(parts)}
        return [ids[p.msg_id] + (f".{p.index}" if p.index else "") for p in parts]

    def _rows(self, parts: Sequence[Part]) -> list[MessageRow]:
        return self.reader.messages.read([part.msg_id for part in parts])


class Bench:
    """What outlives the daemon."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(exist_ok=True)
        self.root = folder / "spool"
        self.path = folder / "journal.db"
        self.submissions: Counter[int] = Counter()
        self.overrides: dict[int, str] = {}
        #: What the delays of refusals are drawn with, from 0 to 1.
        self.chance = 0.0
        self.report_after = 3600.0
        self.receipt_wait = 14 * 86_400.0
        self.routes: Sequence[RouteConfig] = ()
        self.links: dict[str, LinkConfig] = {}
        self.accounts: dict[str, HttpConfig | ContactsConfig] = {}
        self.message_id_form = "auto"
        self.references = False
        #: The account at the SMSC that all links share, and the link over which receipts come.
        self.smsc_account = ""
        self.receiving = "main"
        #: Whether accounts ask for the delivery of what they sent.
        self.asks = True
        self.lives = 0
        #: Told of all parts that are handed over, before they are.
        self.on_submit: Callable[[Sequence[Part]], None] = lambda parts: None
        self.skew = 0.0
        assert prepare_root(self.root) is None

    @staticmethod
    def sms(
        to: str | list[str] = "+34600000001", text: str = "Hola", **more: Any
    ) -> dict[str, Any]:
        """A message as handed in."""
        return {"to": to, "text": text, **more}

    @staticmethod
    def long_sms(parts: int, **more: Any) -> dict[str, Any]:
        """A message of so many parts."""
        return {"to": "+34600000001", "text": "x" * 153 * parts if parts > 1 else "x", **more}

    @staticmethod
    def later(seconds: float) -> dict[str, Any]:
        """The field that has a message wait so long, from the beginning of trio's clock."""
        if not seconds:
            return {}
        return {"send_at": datetime.fromtimestamp(EPOCH + seconds, UTC).isoformat()}

    @staticmethod
    def mortal(dies_at: int | None = None, *, unwritten: bool = False) -> Mortal:
        """What runs the journal's turns, up to the one with which the daemon dies."""
        return Mortal(dies_at, unwritten=unwritten)

    def wall(self) -> float:
        """Epoch seconds."""
        return EPOCH + self.skew + trio.current_time()

    @asynccontextmanager
    async def up(
        self,
        run_sync: RunSync | None = None,
        *,
        window: int = 100,
        links: Sequence[str] = LINKS,
        dispatching: bool = True,
        publishing: bool = False,
        overdue: bool = True,
    ) -> AsyncIterator[Life]:
        """A life that ends as by `kill -9`: no checkpoint, no draining."""
        if run_sync is None:
            run_sync = Mortal()
        dead = run_sync.death if isinstance(run_sync, Mortal) else trio.Event()
        life = Life(self, run_sync, dead, window, links)
        self.lives += 1
        try:
            async with trio.open_nursery() as journaled:
                await journaled.start(life.journal.run)
                if isinstance(run_sync, Mortal):
                    await life.journal.learn_keys()
                    run_sync.turns, run_sync.is_up = 0, True
                else:
                    journaled.start_soon(life.journal.learn_keys)
                async with trio.open_nursery() as nursery:
                    if isinstance(run_sync, Mortal):
                        nursery.start_soon(run_sync.kill)
                    await life.account_for_the_last_run()
                    if dispatching:
                        for dispatcher in life.dispatchers:
                            nursery.start_soon(dispatcher.run)
                    nursery.start_soon(life.campaigns.run)
                    if overdue:
                        nursery.start_soon(life.overdue.run)
                    if publishing:
                        nursery.start_soon(life.publication.run)
                    yield life
                    nursery.cancel_scope.cancel()
                journaled.cancel_scope.cancel()
        finally:
            life.close()

    async def survives(
        self, act: Callable[[Life], Awaitable[None]], mortal: Mortal, **terms: Any
    ) -> bool:
        """Whether a life (see `up`) came to the end of what it was to do."""
        try:
            async with self.up(mortal, **terms) as life:
                await act(life)
        except* KilledError:
            pass
        else:
            return True
        return False

    def results(self, name: str = "a.jsonl") -> list[dict[str, Any]]:
        """The lines of the only results of this name."""
        (path,) = (self.root / "done").glob(f"*/{name}.results.jsonl")
        return [json.loads(line) for line in path.read_text().splitlines()]

    def report(self, name: str = "a.jsonl") -> dict[str, Any]:
        (path,) = (self.root / "done").glob(f"*/{name}.report.json")
        found: dict[str, Any] = json.loads(path.read_text())
        return found

    def done(self) -> list[str]:
        """The names of everything in done/."""
        return sorted(path.name for path in (self.root / "done").glob("*/*"))


@pytest.fixture(params=["", "acme"], ids=["own link", "sibling"])
def whence(request: pytest.FixtureRequest, bench: Bench) -> None:
    """Receipts come over the link of their messages, or over another one of its account."""
    if request.param:
        bench.smsc_account, bench.receiving = request.param, "other"


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench(tmp_path)


@pytest.fixture(scope="session")
def new_bench(tmp_path_factory: pytest.TempPathFactory) -> Callable[[], Bench]:
    """Makes a bench for each example of a property; the one before is cleared away."""
    folder, numbers = tmp_path_factory.mktemp("benches"), count()

    def make() -> Bench:
        for before in folder.iterdir():
            shutil.rmtree(before)
        here = folder / str(next(numbers))
        here.mkdir()
        return Bench(here)

    return make
