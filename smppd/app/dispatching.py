"""What takes from the queues, running: it halts between two lots while something is changed under it.

Raises nothing of its own; what the journal raises passes through.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import NamedTuple

import trio

from smppd.app.parts import Parts


class _Round(NamedTuple):
    """From one halt to the next."""

    halt: trio.Event
    halted: trio.Event
    go_on: trio.Event


def _new_round() -> _Round:
    return _Round(trio.Event(), trio.Event(), trio.Event())


class Dispatching:
    """Runs the dispatchers and fallbacks that the parts have, those of the moment."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._round = _new_round()

    async def run(self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """Until cancelled."""
        while True:
            current = self._round
            try:
                async with trio.open_nursery() as nursery:
                    for dispatcher in self._parts.dispatchers:
                        nursery.start_soon(dispatcher.run)
                    for fallback in self._parts.fallbacks:
                        nursery.start_soon(fallback.run)
                    task_status.started()
                    task_status = trio.TASK_STATUS_IGNORED
                    await current.halt.wait()
                    nursery.cancel_scope.cancel()
            finally:
                current.halted.set()  # also when it broke down: nobody is to wait for ever
            await current.go_on.wait()

    @asynccontextmanager
    async def halted(self) -> AsyncIterator[None]:
        """Inside nothing is taken from any queue: what was taken is on its way. Links go on with it."""
        current = self._round
        current.halt.set()
        await current.halted.wait()
        try:
            yield
        finally:
            self._round = _new_round()
            current.go_on.set()
