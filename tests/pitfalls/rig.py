"""The whole daemon in one test: the composition root itself, on virtual time and memory streams.

Nothing is replaced but what `smppd.app.Surroundings` names: the clock, the thread for blocking
calls (they run in place), and the way to the SMSC. Spool and journal are real files.
"""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Mapping
from contextlib import closing
from dataclasses import replace
from itertools import count
from pathlib import Path
from typing import Any, Protocol, TypeVar

import trio

from smppd import events
from smppd.app import Daemon, Surroundings
from smppd.app.reloading import Loaded, Wanted, wanted_of
from smppd.config import (
    Config,
    JournalConfig,
    LinkConfig,
    ObserveConfig,
    SpoolConfig,
    secret_keys,
)
from smppd.figures import LinkFigures
from smppd.httpapi.transport import Transport
from smppd.journal.audit import Audit, audit
from smppd.journal.schema import JournalError
from smppd.journal.store import open_reader
from smppd.ledger.facts import Kind
from smppd.link.dial import Unreachable
from smppd.message import State
from smppd.results.story import Story, tell
from smppd.simulate.reading import make_script
from smppd.simulate.smsc import Smsc
from tests.pitfalls.raw import RawCall, RawSmsc

E = TypeVar("E")
T = TypeVar("T")

#: Epoch seconds at which trio's clock stands at nought.
EPOCH = 1_795_300_000.0
#: Seconds of virtual time a test waits for something before it fails.
PATIENCE = 3600.0
#: Seconds of virtual time between two looks when nothing was heard: ever more, up to the second.
_LOOK_AFTER, _LOOK_EVERY = 0.05, 1.0
#: Seconds between two looks at the books, which need not be the daemon's on virtual time.
BOOKKEEPING = 10.0

_INBOX = {"normal": "inbox", "high": "inbox/high", "bulk": "inbox/bulk"}


class Centre(Protocol):
    """Anything that a link can be connected to."""

    async def connect(self, host: str, port: int) -> trio.abc.Stream | Unreachable:
        """See `smppd.link.supervisor.Connect`."""


class Simulated:
    """The simulated SMSC behind memory streams. `smsc.tally` says what it saw."""

    def __init__(self, nursery: trio.Nursery, wall: Callable[[], float], **script: Any) -> None:
        self._nursery = nursery
        self.smsc = Smsc(make_script(script, "the test"), wall)
        nursery.start_soon(self.smsc._keep_time)

    async def connect(self, host: str, port: int) -> trio.abc.Stream:
        """A connection to it."""
        await trio.lowlevel.checkpoint()
        ours, theirs = trio.testing.memory_stream_pair()
        self._nursery.start_soon(self.smsc.serve_stream, theirs)
        return ours


class Rig:
    """A daemon, the SMSCs it speaks to, and everything it leaves for people.

    `smsc` is what every host leads to, unless `centres` names another for it. The folder outlives
    the daemon: after `kill` or `stop`, `start` begins the next life on it.
    """

    def __init__(self, nursery: trio.Nursery, folder: Path) -> None:
        self._nursery = nursery
        self._news = trio.lowlevel.ParkingLot()
        self._names = count(1)
        self._config = Config()
        self._life: trio.CancelScope | None = None
        self.daemon: Daemon
        self._ended = trio.Event()
        self.root = folder / "spool"
        self.journal = folder / "journal.db"
        self._control = folder / "control"
        self.smsc = RawSmsc(self.note)
        self.centres: dict[str, Centre] = {}
        #: What accounts of HTTP APIs are connected with.
        self.transport: Transport | None = None
        #: By link or account; "secret" where there is none.
        self.passwords: dict[str, str] = {}
        self._known: dict[str, str] = {}
        self.events: list[events.Event] = []
        #: Added to the time for people (seconds), to let hours pass at once.
        self.skew = 0.0
        #: Whether a failing journal, which ends the daemon, is what the test is about.
        self.disk_may_fail = False
        self.failures: list[str] = []
        #: Looks at each blocking call before it is made; may raise for it, or wait.
        self.before_call: Callable[[Callable[..., Any]], Awaitable[None]] = _let_it

    # ── the daemon's lives ───────────────────────────────────────────────────────────────────

    async def start(
        self,
        *,
        bound: int = 1,
        links: Mapping[str, Mapping[str, Any]] | None = None,
        spool: Mapping[str, Any] | None = None,
        sections: Mapping[str, Any] | None = None,
        **keys: Any,
    ) -> Daemon:
        """Begin a life and wait until so many sessions have been bound in it.

        `keys` are those of the only link, called "main"; `links` names several, each with its
        keys. `sections` are further arguments of `smppd.config.Config`.
        """
        chosen = {"main": keys} if links is None else links
        self._config = Config(
            spool=SpoolConfig(path=self.root, **(spool or {})),
            journal=JournalConfig(path=self.journal),
            links=tuple(_link(name, each) for name, each in chosen.items()),
            observe=ObserveConfig(listen=None, control=self._control),
            **(sections or {}),
        )
        return await self.start_again(bound=bound)

    async def start_again(self, *, bound: int = 1) -> Daemon:
        """Begin the next life with the same configuration."""
        assert self._life is None, "the daemon is running"
        before = len(self.of(events.LinkBound))
        self._ended = trio.Event()
        self.daemon = await self._nursery.start(self._live)
        await self.until(lambda: len(self.of(events.LinkBound)) >= before + bound)
        return self.daemon

    async def _live(self, *, task_status: trio.TaskStatus[Daemon]) -> None:
        around = Surroundings(
            self.wall,
            self._call,
            self._connect,
            self.transport,
            run_many=self._call,
            publish_many=self._call,
        )
        self._known = self._secrets(self._config)
        try:
            with Daemon(self._config, self._known, self._observe, around) as daemon:
                with trio.CancelScope() as self._life:
                    task_status.started(daemon)
                    await daemon.run(signals=False)
        except* JournalError as failures:
            # Whoever waits for the journal when it is killed hears that it has stopped.
            killed = self._life is not None and self._life.cancel_called
            if not (killed or self.disk_may_fail):
                raise
            self.failures += map(str, leaves(failures))
        finally:
            self._life = None
            self._ended.set()

    def _secrets(self, config: Config) -> dict[str, str]:
        return {name: self.passwords.get(name, "secret") for name in secret_keys(config)}

    async def reload(self, **sections: Any) -> list[str]:
        """Have the daemon take over other sections of its configuration, and `passwords` as they are now;
        what has changed."""
        before = Loaded(self._config, self._known)
        config = replace(self._config, **sections)
        wanted = wanted_of(before, Loaded(config, self._secrets(config)))
        assert isinstance(wanted, Wanted), wanted
        self._config, self._known = config, wanted.secrets
        assert await self.daemon.take_over(wanted) == []
        await self.quiet()
        return [str(each) for each in wanted.changes]

    async def kill(self) -> None:
        """End the daemon as `kill -9` does: nothing is finished, nothing is written any more."""
        assert self._life is not None, "the daemon is not running"
        self._life.cancel()
        await self._ended.wait()

    async def stop(self) -> None:
        """End the daemon as SIGTERM does, and wait until it has drained."""
        self.daemon.request_stop("SIGTERM")
        await self._ended.wait()

    async def ends(self) -> None:
        """Wait until the daemon has ended by itself."""
        await self._ended.wait()

    # ── its surroundings ─────────────────────────────────────────────────────────────────────

    def wall(self) -> float:
        """Epoch seconds."""
        return EPOCH + self.skew + trio.current_time()

    async def _call(self, sync_fn: Callable[..., T], *args: object) -> T:
        await trio.lowlevel.checkpoint()
        await self.before_call(sync_fn)
        done = sync_fn(*args)
        self.note()
        return done

    async def _connect(self, host: str, port: int) -> trio.abc.Stream | Unreachable:
        return await self.centres.get(host, self.smsc).connect(host, port)

    def _observe(self, event: events.Event) -> None:
        self.events.append(event)
        self.note()

    def note(self) -> None:
        """Something happened: whoever waits looks again."""
        self._news.unpark_all()

    def simulate(self, host: str = "a", **script: Any) -> Simulated:
        """Have this host lead to a simulated SMSC with this script (`smppd.simulate.script`)."""
        simulated = Simulated(self._nursery, self.wall, **script)
        self.centres[host] = simulated
        return simulated

    # ── what a test does and sees ────────────────────────────────────────────────────────────

    async def until(self, true: Callable[[], Any], patience: float = PATIENCE) -> None:
        """Wait for something to have happened, and for what follows from it at the same instant
        (its commit, say); virtual time passes meanwhile."""
        wait = _LOOK_AFTER
        with trio.fail_after(patience):
            while not true():
                with trio.move_on_after(wait) as nothing_heard:
                    await self._news.park()
                wait = min(2 * wait, _LOOK_EVERY) if nothing_heard.cancelled_caught else _LOOK_AFTER
        await self.quiet()

    async def quiet(self) -> None:
        """Let everything happen that can happen without time passing."""
        await trio.testing.wait_all_tasks_blocked()

    def hand_in(
        self, *messages: Mapping[str, Any] | bytes, name: str = "", lane: str = "normal"
    ) -> str:
        """Rename a file of these lines into the inbox; its name."""
        name = name or f"{next(self._names)}.jsonl"
        lines = [
            each if isinstance(each, bytes) else json.dumps(each).encode() for each in messages
        ]
        draft = self.root / "inbox" / "tmp" / name
        draft.write_bytes(b"".join(line + b"\n" for line in lines))
        draft.replace(self.root / _INBOX[lane] / name)
        return name

    @staticmethod
    def sms(number: int = 1, **fields: Any) -> dict[str, Any]:
        """A message as it is handed in, with the id "m1" and so on."""
        return {
            "to": f"+346{number:08d}",
            "text": "Hola",
            "from": "ACME",
            "id": f"m{number}",
        } | fields

    @property
    def call(self) -> RawCall:
        """The newest connection to `smsc`."""
        return self.smsc.call

    def of(self, kind: type[E]) -> list[E]:
        """The events of a kind, of all lives."""
        return [event for event in self.events if isinstance(event, kind)]

    async def command(self, name: str, **arguments: Any) -> Any:
        """What the control socket answers to a command; `who` gives it is root."""
        return await self.daemon.commands[name]({"who": "uid 0"} | arguments)

    def figures(self, link: str = "main") -> LinkFigures:
        """What a link counts."""
        return next(each for each in self.daemon.figures().links if each.name == link)

    def states(self) -> dict[str, int]:
        """Messages by state, those without any left out."""
        counts = self.daemon.parts.ledger.accounts.counts
        return {state.label: counts[state] for state in State if counts[state]}

    def show(self, client_id: str) -> Story:
        """What `smppd show` tells of a message, from the journal on disk."""
        with closing(open_reader(self.journal)) as reader:
            row = reader.find_message(client_id)
            assert row is not None, f"no message has the id {client_id}"
            return tell(row, reader.log.history(row.msg_id), None)

    def known_as(self, client_id: str) -> tuple[int, list[str]]:
        """A message's msg_id, and the receipt keys that its answers gave it."""
        with closing(open_reader(self.journal)) as reader:
            row = reader.find_message(client_id)
            assert row is not None, f"no message has the id {client_id}"
            facts = reader.log.history(row.msg_id)
            return row.msg_id, [fact.text for fact in facts if fact.kind == Kind.SENT and fact.text]

    def audit(self) -> Audit:
        """What `smppd audit` finds."""
        return audit(self.journal, self.root)

    def state(self, client_id: str) -> str:
        """The state of a message, from the journal on disk."""
        return self.show(client_id).result.state

    def has_results(self, name: str) -> bool:
        """Whether a file has been reported."""
        return any((self.root / "done").glob(f"*/{name}.report.json"))

    def results(self, name: str) -> list[dict[str, Any]]:
        """The result lines of a file."""
        (path,) = (self.root / "done").glob(f"*/{name}.results.jsonl")
        return _lines(path)

    def receipts(self) -> list[dict[str, Any]]:
        """Every line of the log of receipts."""
        paths = sorted((self.root / "receipts").glob("receipts-*.jsonl"))
        return [line for path in paths for line in _lines(path)]

    def received(self) -> list[dict[str, Any]]:
        """Every message from a handset, in the order of their files' names."""
        paths = sorted((self.root / "received" / "new").glob("*.json"))
        return [json.loads(path.read_bytes()) for path in paths]


def leaves(group: BaseExceptionGroup[JournalError]) -> list[JournalError]:
    """The exceptions of a group, however deep."""
    found: list[JournalError] = []
    for each in group.exceptions:
        found += leaves(each) if isinstance(each, BaseExceptionGroup) else [each]
    return found


async def _let_it(_: Callable[..., Any]) -> None:
    """Every blocking call may be made."""


def _link(name: str, keys: Mapping[str, Any]) -> LinkConfig:
    fields: dict[str, Any] = {"hosts": (("a", 2775),), "system_id": "acme", "from_": "ACME"}
    return LinkConfig(name=name, **(fields | dict(keys)))


def _lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()]
