"""An account at the provider's HTTP API, seen as a `Route`: it carries messages that are calls.

At most `connections` calls are under way, no more than `rate` a second. What changes something at
the provider, or sends to a group, is under way alone: what came before it is done by then, and what
comes after it finds it done. Whoever asks for one
directly (an operator, polling) waits at the same turnstile. Only what can begin at once is taken
from the dispatcher: what a crash leaves in doubt is what was under way. A provider that does not
answer is left alone for growing times, which SMPP does not notice. What the provider does is
never raised; what `Calls` and `ApiLog` raise passes through `run`.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping, Sequence
from math import inf

import trio

from smppd.config import AccountConfig
from smppd.figures import AccountFigures
from smppd.httpapi.caller import Around, Caller, Client
from smppd.httpapi.record import outcome_of
from smppd.message import Part
from smppd.ports import ApiLog, CallOutcome, CallRefused, CallReturned, Calls
from smppd.provider.answers import Answer, NoAnswer
from smppd.provider.catalogue import OPERATIONS
from smppd.provider.operation import Operation, Value

#: Seconds between two looks at whether there is room, at least.
_LOOK_EVERY = 0.001
#: How long the client's connections may take to close, in seconds.
_PARTING = 2.0
#: What a direct call is told when nothing is called any more.
STOPPING = "smppd is stopping, or the account was taken out of its configuration"


#: A message's call that only another smppd knew.
UNKNOWN_OPERATION = "UNKNOWN_OPERATION"
_NEWER = "this smppd has no such operation; another one took the message in"


class Account:
    """Calls the provider and reports what came of it. `name` is that of the configuration."""

    def __init__(
        self, config: AccountConfig, client: Client, calls: Calls, log: ApiLog, around: Around
    ) -> None:
        self._config = config
        self._caller = Caller(config, client, around)
        self._calls = calls
        self._log = log
        #: Parts that were handed over and not begun: what is urgent, and the rest.
        self._urgent: deque[Part] = deque()
        self._ready: deque[Part] = deque()
        #: Parts that were handed over, begun or not, and whose outcome is not on disk.
        self._held = 0
        #: Direct calls that wait or are under way.
        self._direct = 0
        self._outcomes: list[CallOutcome] = []
        self._paused = False
        self._draining = False
        self._work = trio.Event()
        self._news = trio.Event()
        self._for_room = trio.lowlevel.ParkingLot()
        self._beginning = trio.CancelScope()
        #: Operations that were handed over and are under way.
        self._carried: list[Operation] = []
        self._idle = trio.Event()
        #: Set when no call is waited for any more, and when `run` is over.
        self._parting = trio.Event()
        self._finished = trio.Event()
        #: Whether `run` is under way, and whether its last call is over.
        self._running = False
        self._ended = False

    # ── as the dispatcher sees it: ports.Route ───────────────────────────────────────────────

    @property
    def name(self) -> str:
        """See `ports.Route`."""
        return self._config.name

    @property
    def room(self) -> int:
        """See `ports.Route`: the calls that could begin at once."""
        now = trio.current_time()
        if self._full or now < self._caller.reach.until:
            return 0
        free = self._places - self._held - self._direct
        return int(min(free, self._caller.pace.available(now)))

    @property
    def _places(self) -> int:
        """How many calls may be under way; one, to see whether it is back, while it is lost."""
        return 1 if self._caller.reach.lost else self._config.connections

    @property
    def _full(self) -> bool:
        """Whether nothing can be taken, however long one waits."""
        busy = self._held + self._direct >= self._places
        return busy or self._paused or self._draining or not self._running

    async def wait_room(self) -> None:
        """Return when a call could begin."""
        await trio.lowlevel.checkpoint()
        while self.room < 1:
            with trio.move_on_at(self._look_again()):
                await self._for_room.park()

    def _look_again(self) -> float:
        if self._full:
            return inf
        now = trio.current_time()
        at = max(self._caller.reach.until, self._caller.pace.next_at(now))
        return max(at, now + _LOOK_EVERY)

    def submit(self, parts: Sequence[Part], urgent: int = 0) -> None:
        """See `ports.Route`. What is no longer wanted goes back."""
        self._held += len(parts)
        if self._paused or self._draining:
            self._give_back(parts)
            return
        self._urgent.extend(parts[:urgent])
        self._ready.extend(parts[urgent:])
        self._work.set()

    # ── as refusals see it: ports.Steering ───────────────────────────────────────────────────

    def reconnect(self, reason: str) -> None:
        """See `ports.Steering`: there is nothing that is kept between two calls."""

    def pause(self) -> None:
        """Take nothing more, and give back what is not begun. Direct calls are still made: whether
        the account works again is what an operator wants to try."""
        self._paused = True
        self._give_back(self._take_all())

    def resume(self) -> None:
        """Take calls again."""
        self._paused = False
        self._for_room.unpark_all()

    # ── as whoever asks directly sees it ─────────────────────────────────────────────────────

    async def call(self, operation: Operation, params: Mapping[str, Value]) -> Answer:
        """Make one call, at the same pace and as many at once as all others, and write it down;
        the parameters have been checked."""
        self._direct += 1
        try:
            await self._caller.turnstile.enter()
            if self._draining:
                self._caller.turnstile.leave()
                return NoAnswer(STOPPING, sent=False)
            answer = await self._caller.call(operation, params)
        finally:
            self._direct -= 1
            self._look_for_work()
            self._news.set()  # whoever is cancelled leaves it to `run` to write this down
        await self._write_down()
        return answer

    # ── as the composition root sees it ──────────────────────────────────────────────────────

    async def run(self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """Make the calls that are handed over until `drain`, or until cancelled.

        After `drain` it returns when everything that happened is settled. When cancelled, what was
        under way is told to nobody: the journal knows it as sending.
        """
        self._running = True
        try:
            async with trio.open_nursery() as reporting:
                reporting.start_soon(self._report, reporting)
                async with trio.open_nursery() as calls:
                    self._for_room.unpark_all()
                    task_status.started()
                    with self._beginning:
                        await self._begin(calls)
                    self._look_for_work()
                    await self._parting.wait()  # direct calls need the connections, too
                self._ended = True
                self._news.set()
        finally:
            self._running = False
            self._finished.set()
            with trio.move_on_after(_PARTING, shield=True):
                await self._caller.aclose()

    def change(self, config: AccountConfig, client: Client) -> None:
        """Go by this from the next call on, over this client: what is under way ends as it was begun."""
        self._config = config
        self._caller.change(config, client)
        self._look_for_work()
        self._news.set()  # the client before may have nothing to do any more

    def renew(self, secret: str) -> None:
        """Use this password or token from the next call on."""
        self._caller.renew(secret)

    async def drain(self) -> None:
        """Take nothing more, give back what is not begun, and wait for answers at most
        `drain_timeout`; what is under way then ends without one. Return when `run` is about to."""
        self._draining = True
        self._give_back(self._take_all())
        self._beginning.cancel()
        with trio.move_on_after(self._config.drain_timeout):
            while self._caller.turnstile.inside:
                self._idle = trio.Event()
                await self._idle.wait()
        self._caller.give_up()
        self._parting.set()
        if self._running:
            await self._finished.wait()

    def figures(self) -> AccountFigures:
        """What happened since the start, and how it stands."""
        figures = self._caller.figures
        figures.in_flight = self._caller.turnstile.inside
        figures.ready = len(self._urgent) + len(self._ready)
        return figures

    # ── its tasks ────────────────────────────────────────────────────────────────────────────

    async def _begin(self, calls: trio.Nursery) -> None:
        """Begin what is ready whenever the turnstile lets a call through, until cancelled."""
        while True:
            await self._work.wait()
            self._work = trio.Event()
            while self._may_begin():
                await self._caller.turnstile.enter()
                ready = self._urgent or self._ready
                if ready and self._may_begin():
                    self._begin_one(ready.popleft(), calls)
                else:  # it went back meanwhile, or something more urgent came
                    self._caller.turnstile.leave()

    def _may_begin(self) -> bool:
        """Whether the next call may be under way beside those that are."""
        ready = self._urgent or self._ready
        if not ready:
            return False
        operation = _operation(ready[0])
        return not self._carried or not (
            (operation is not None and operation.alone) or self._carried[0].alone
        )

    def _begin_one(self, part: Part, calls: trio.Nursery) -> None:
        operation, call = _operation(part), part.message.call
        assert call is not None
        if operation is None:
            self._caller.turnstile.leave()
            self._tell([CallRefused(part.msg_id, UNKNOWN_OPERATION, f"{_NEWER}: {call.op}")])
        else:
            self._carried.append(operation)
            calls.start_soon(self._carry, part.msg_id, operation, call.params)

    async def _carry(self, msg_id: int, operation: Operation, params: Mapping[str, Value]) -> None:
        answer = await self._caller.call(operation, params)
        self._carried.remove(operation)
        self._tell([outcome_of(msg_id, operation, answer)])
        self._look_for_work()

    async def _report(self, closing: trio.Nursery) -> None:
        """Report outcomes, all that have gathered at once, until `run` is over and none is left. Clients
        that were replaced are closed in the nursery."""
        caller = self._caller
        while not self._ended or caller.busy or self._outcomes or caller.noted:
            await self._news.wait()
            self._news = trio.Event()
            for client in caller.take_idle():
                closing.start_soon(_close, client)
            outcomes, self._outcomes = self._outcomes, []
            async with trio.open_nursery() as together:  # so that they share a commit
                together.start_soon(self._write_down)
                if outcomes:
                    together.start_soon(self._calls.settle_calls, self.name, outcomes)
            self._held -= len(outcomes)
            self._for_room.unpark_all()

    async def _write_down(self) -> None:
        noted, self._caller.noted = self._caller.noted, []
        if noted:
            await self._log.log_calls(noted)

    # ── between them ─────────────────────────────────────────────────────────────────────────

    def _tell(self, outcomes: Sequence[CallOutcome]) -> None:
        self._outcomes.extend(outcomes)
        self._news.set()

    def _give_back(self, parts: Sequence[Part]) -> None:
        if parts:
            self._tell([CallReturned(part.msg_id) for part in parts])

    def _take_all(self) -> list[Part]:
        parts = [*self._urgent, *self._ready]
        self._urgent.clear()
        self._ready.clear()
        return parts

    def _look_for_work(self) -> None:
        """A call is over: whoever waits for that looks again."""
        self._work.set()
        self._for_room.unpark_all()
        if not self._caller.turnstile.inside:
            self._idle.set()


async def _close(client: Client) -> None:
    with trio.move_on_after(_PARTING):
        await client.aclose()


def _operation(part: Part) -> Operation | None:
    call = part.message.call
    assert call is not None, "an account carries calls alone"
    return OPERATIONS.get(call.op)
