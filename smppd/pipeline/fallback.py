"""Fallback: what waits for links that are down goes over an account of the HTTP API instead.

A pool is taken over when every link of it has not been bound for as long as its configuration says,
and only as long as that lasts; a link that an operator paused is left alone. Of its messages go
those that can be said in a call (see `recast`) and of which no SMSC can have anything: none that is
in doubt or was, none of which a part has left. The others stay where they are, and nobody waits
behind them: what goes is picked from the middle of its queue, what stays is passed over without a
trace, however much it is.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
import trio

from smppd.events import Emit, FallbackBegan, FallbackEnded
from smppd.figures import FallbackFigures
from smppd.ledger.calls import NO_CALL
from smppd.ledger.entries import MessageRow, Outstanding
from smppd.ledger.facts import OWN_TIME, Damaged, Wait
from smppd.message import Call, ErrorInfo, Lane, Part, State
from smppd.pipeline.desk import Desk
from smppd.pipeline.detour import Detour, DetouredLane
from smppd.pipeline.passage import Passage, is_over
from smppd.pipeline.stretch import Stretch
from smppd.ports import Route
from smppd.recast import SEND_SMS, as_call

#: Seconds between two looks at what waits, and at whether the links are still down; the shortest
#: time between two looks at links that are bound.
LOOK_EVERY = 1.0
SOONEST = 0.1
#: Messages that had come back and are looked at in one lot, at most; and pages of new ones.
AGAIN = 200
PAGES = 20
#: Messages that wait for their `send_at`, are due and cannot go: beyond so many of a queue, those
#: behind them wait for their link, too.
MOST_UNFIT = 10_000

_QUEUED = int(State.QUEUED)


class Fallback:
    """Keeps an account supplied with what waits for links that are down. `sender` is the account's
    own default."""

    def __init__(
        self, desk: Desk, account: Route, sender: str, detours: Sequence[Detour], emit: Emit
    ) -> None:
        self._desk = desk
        self._gate = desk.gate
        self._passage = Passage(desk)
        self._account = account
        self._sender = sender
        self._detours = list(detours)
        self._emit = emit
        self._work = trio.Event()
        # Whether the lot under way has made facts, or there is more to look at.
        self._moved = False
        for detour in detours:
            detour.pool.join(f"fallback over {account.name}", self._wake)

    def _wake(self) -> None:
        self._work.set()

    def figures(self) -> list[FallbackFigures]:
        """The pools that are taken over, as they stand."""
        return [each.figures(self._account.name) for each in self._detours if each.active]

    def end(self) -> None:
        """Leave to their links what was taken over: another one may take their place."""
        for detour in self._detours:
            if detour.active:
                self._end(detour)

    def _end(self, detour: Detour) -> None:
        seconds = round(trio.current_time() - detour.began, 1)
        detour.end()
        self._emit(FallbackEnded(detour.name, self._account.name, detour.carried, seconds))

    async def run(self) -> None:
        """Look after the links, and hand over while some are down, until cancelled."""
        while self._detours:
            self._look()
            now = trio.current_time()
            if not any(each.active for each in self._detours):
                due = min(each.due_at(now) for each in self._detours)
                await trio.sleep_until(max(due, now + SOONEST))
                continue
            with trio.move_on_after(LOOK_EVERY):
                await self._account.wait_room()
            if self._account.room > 0:
                self._work = trio.Event()
                # What is on disk as sending must reach the account, or it would be in doubt.
                with trio.CancelScope(shield=True):
                    await self._hand_over()
                if not self._moved:
                    with trio.move_on_after(LOOK_EVERY):
                        await self._work.wait()

    def _look(self) -> None:
        """Begin and end."""
        now, account = trio.current_time(), self._account.name
        for detour in self._detours:
            down = detour.is_down(now)
            if down and not detour.active:
                detour.begin(now)
                self._emit(FallbackBegan(detour.name, account))
            elif detour.active and not down:
                self._end(detour)

    # ── a lot ────────────────────────────────────────────────────────────────────────────────

    async def _hand_over(self) -> None:
        """Hand over as much as there is room for, on disk as `sending`; a higher lane first."""
        self._moved, parts = False, list[Part]()
        for lane in Lane:
            for detour in self._detours:
                if (found := detour.lanes.get(lane)) is not None:
                    parts += await self._from_lane(detour, found, self._account.room - len(parts))
        self._detours.append(self._detours.pop(0))
        if self._moved:
            await self._desk.commit()
        if parts:
            self._account.submit(parts)

    async def _from_lane(self, detour: Detour, lane: DetouredLane, room: int) -> list[Part]:
        """Parts of one queue: what came back, what waited for its time, what is new. Where a message is
        damaged those before it go, and nothing more."""
        parts = list[Part]()
        try:
            for source in (self._again, self._scheduled, self._new):
                down = detour.is_down(trio.current_time())
                if down and len(parts) < room and not lane.queue.damage:
                    await source(detour, lane, room - len(parts), parts)
        except Damaged as damage:
            lane.queue.give_up(damage)
        return parts

    def _send(self, detour: Detour, row: MessageRow, call: Call) -> Part:
        """The part that the account gets of an outstanding message."""
        self._desk.ledger.sending_again(self._desk.wall(), self._account.name, row.msg_id, SEND_SMS)
        detour.carried += 1
        self._moved = True
        message = msgspec.structs.replace(row.message, call=call, segments=(b"",))
        return Part(row.msg_id, 0, message)

    def _call(self, detour: Detour, row: MessageRow) -> Call | None:
        """The call that it goes as; None where it stays. So does what may leave with its link's
        sender, but not with the account's."""
        message = row.message
        call = as_call(message, detour.sender, self._sender)
        if isinstance(call, str):
            return None
        sender = call.params["from"]
        if sender != message.sender and not self._gate.is_open:
            as_sent = msgspec.structs.replace(message, sender=sender, links_sender=False)
            told = msgspec.structs.replace(row, decoded=as_sent)
            now = self._desk.wall()
            if self._gate.bars(told, now) and not self._gate.bars(row, now):
                return None
        return call

    async def _again(
        self, detour: Detour, lane: DetouredLane, room: int, parts: list[Part]
    ) -> None:
        """What came back and is due goes to these parts; what cannot go stays until its link is bound."""
        now, chosen = self._desk.wall(), list[Outstanding]()
        for entry in lane.queue.due(now):
            if entry.expires is not None and entry.expires <= now:
                self._expire(entry.msg_id)
            elif is_untouched(entry):
                chosen.append(entry)
            else:
                self._keep(lane, entry)
            if len(chosen) >= min(room, AGAIN):
                break
        if not chosen:
            return
        found = await self._desk.journal.read_messages([entry.msg_id for entry in chosen])
        await self._gate.learn(found)
        rows = {row.msg_id: row for row in found}
        goes_on = detour.is_down(trio.current_time())
        for entry in chosen:
            still = self._desk.accounts.entries.get(entry.msg_id)
            if still is None or still.state != _QUEUED:
                continue
            row = rows[entry.msg_id]
            call = self._call(detour, row) if goes_on else None
            if call is None:
                self._keep(lane, still)
            elif self._passage.goes_again(row, still, now):
                parts.append(self._send(detour, row, call))
            else:
                self._moved = True

    def _expire(self, msg_id: int) -> None:
        self._desk.ledger.expired(self._desk.wall(), msg_id)
        self._moved = True

    def _keep(self, lane: DetouredLane, entry: Outstanding) -> None:
        """Leave it to its link; when its time is over, it is looked at again."""
        lane.stay.append(entry.msg_id)
        if entry.expires is not None:
            retries = self._desk.accounts.retries
            retries.add(lane.queue.number, entry.expires, entry.msg_id)

    async def _scheduled(
        self, detour: Detour, lane: DetouredLane, room: int, parts: list[Part]
    ) -> None:
        """What waited for its `send_at`, which has come."""
        now = self._desk.wall()
        if len(lane.unfit) >= MOST_UNFIT:
            return
        due = lane.queue.scheduled(now, room + len(lane.unfit))
        new = [msg_id for msg_id in due if msg_id not in lane.unfit]
        if not new:
            return
        found = await self._desk.journal.read_messages(new)
        await self._gate.learn(found)
        rows = {row.msg_id: row for row in found}
        if not detour.is_down(trio.current_time()):
            return
        for msg_id in new:
            row = rows[msg_id]
            call = self._call(detour, row)
            over = is_over(row, now)
            self._moved = True  # there may be more behind it
            if call is None and not over:
                lane.unfit.add(msg_id)
            elif self._passage.call_up(row, now):
                if over or call is None:
                    self._expire(msg_id)
                else:
                    parts.append(self._send(detour, row, call))

    async def _new(self, detour: Detour, lane: DetouredLane, room: int, parts: list[Part]) -> None:
        """What nobody has taken from its queue yet."""
        stretch, full = lane.stretch, len(parts) + room
        for _ in range(PAGES):
            if len(parts) >= full or not await stretch.read():
                return
            if not detour.is_down(trio.current_time()):
                return
            while len(parts) < full and (row := stretch.next()) is not None:
                parts += self._one_new(detour, stretch, row)
        self._moved = True  # there is more to look at, after the others

    def _one_new(self, detour: Detour, stretch: Stretch, row: MessageRow) -> list[Part]:
        now, message, over = self._desk.wall(), row.message, is_over(row, self._desk.wall())
        call = self._call(detour, row)
        if call is None and not over:
            stretch.leave(row)
            return []
        self._moved = True
        waits = message.send_at is not None and message.send_at > now
        verdict = None
        if not (over or waits or self._gate.is_open):
            verdict = self._gate.new(row, now)
        stretch.pick(row, verdict if isinstance(verdict, float | Wait) else OWN_TIME)
        if over or call is None:
            self._expire(row.msg_id)
        elif isinstance(verdict, ErrorInfo):
            self._desk.ledger.barred(now, row.msg_id, verdict)
        elif verdict is None and not waits:
            return [self._send(detour, row, call)]
        return []


def is_untouched(entry: Outstanding) -> bool:
    """Whether no SMSC can have anything of a message that came back. One that came back from an
    account may be in doubt there: it goes again over either way."""
    if entry.call != NO_CALL or entry.ids or (entry.possible_duplicate and not entry.op):
        return False
    return all(state == _QUEUED for state in entry.part_states)
