"""A command run for each event, with its JSON on standard input; what it prints is only looked at
when it fails.

Events about one message come one after the other, others beside one another. What fails each time
is put aside; a command that cannot be run at all is no event's fault, and everything waits for it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import msgspec
import trio

from smppd.config.outlets import HookConfig
from smppd.outlets.happenings import Happening
from smppd.outlets.outlet import Aside, Trouble
from smppd.running import Bounds, Ran, run_command

#: So many times as many events as commands that run at once are taken together.
_LOTS = 4
#: Characters of a value in the environment.
_LONGEST = 1024


class _Seen(msgspec.Struct):
    """What of an event stands in the environment."""

    event: str
    event_id: str
    seq: int
    id: str = ""
    to: str = ""
    state: str = ""


_read = msgspec.json.Decoder(_Seen).decode


class Hook:
    """A `Sink`. `chance` gives a number from 0 to 1."""

    def __init__(self, config: HookConfig, aside: Aside, chance: Callable[[], float]) -> None:
        self._aside = aside
        self._chance = chance
        self._places = trio.CapacityLimiter(config.concurrency)
        self._done: set[tuple[int, int]] = set()
        self.change(config)

    def change(self, config: HookConfig) -> None:
        """Run this from the next attempt on; what runs is left to end."""
        self._config = config
        self._bounds = Bounds(config.timeout, config.max_output)
        self._places.total_tokens = config.concurrency
        self.batch = config.concurrency * _LOTS

    async def deliver(self, lot: Sequence[Happening]) -> Trouble | None:
        """See `Sink`."""
        groups: dict[object, list[Happening]] = {}
        for each in lot:
            if each[:2] not in self._done:
                groups.setdefault(each.key, []).append(each)
        failed, missing = list[tuple[Happening, str]](), list[str]()
        async with trio.open_nursery() as nursery:
            for group in groups.values():
                nursery.start_soon(self._in_turn, group, failed, missing)
        if failed:
            failed.sort()
            await self._aside.put([each for each, _ in failed], failed[-1][1])
        if missing:
            return Trouble(missing[0])
        self._done.clear()
        return None

    async def _in_turn(
        self, group: Sequence[Happening], failed: list[tuple[Happening, str]], missing: list[str]
    ) -> None:
        for each in group:
            ran = await self._attempts(each, missing)
            if ran is None or not ran.started:
                return
            if ran.problem:
                failed.append((each, f"{ran.problem}: {ran.said}" if ran.said else ran.problem))
            self._done.add(each[:2])

    async def _attempts(self, happening: Happening, missing: list[str]) -> Ran | None:
        """What came of it in the end; None while the command cannot be run."""
        ran: Ran | None = None
        for attempt in range(self._config.attempts):
            if attempt:
                delay = min(self._config.retry_max, self._config.retry_min * 2.0 ** (attempt - 1))
                await trio.sleep(delay * (0.5 + self._chance() / 2))
            async with self._places:
                if missing:
                    return None
                ran = await self._run(happening)
            if not ran.started:
                missing.append(ran.problem)
                return ran
            if not ran.problem:
                break
        return ran

    async def _run(self, happening: Happening) -> Ran:
        seen = _read(happening.json)
        environment = {
            "SMPPD_HOOK": self._config.name,
            "SMPPD_EVENT": seen.event,
            "SMPPD_EVENT_ID": seen.event_id,
            "SMPPD_SEQ": str(seen.seq),
            "SMPPD_ID": _shown(seen.id),
            "SMPPD_TO": _shown(seen.to),
            "SMPPD_STATE": seen.state,
        }
        command = self._config.command
        return await run_command(command, happening.json + b"\n", environment, self._bounds)


def _shown(text: str) -> str:
    """As a variable of the environment can hold it: with one of 128 KiB no command is run at all."""
    return text.replace("\0", "")[:_LONGEST]
