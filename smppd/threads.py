"""Threads for calls that block, kept for the next one: a way there and back is a third of trio's own.

A commit is as short as the way to its thread, and back. So no context is copied, no thread named after what it
does, and its end wakes the event loop once. Nobody else's calls are in these threads: hosts whose names
are looked up for long, however many, hold up no commit.
"""

from __future__ import annotations

import threading
import weakref
from collections.abc import Callable
from contextlib import suppress
from queue import SimpleQueue
from typing import Any, NamedTuple, TypeVar

import outcome
import trio

T = TypeVar("T")


class _Call(NamedTuple):
    """What is to be called, and who waits for it."""

    task: trio.lowlevel.Task
    token: trio.lowlevel.TrioToken
    sync_fn: Callable[..., Any]
    args: tuple[object, ...]


_Calls = SimpleQueue[_Call | None]


class Threads:
    """Runs what is given to `run_sync`, so many calls at once at most; those that wait go in their order.

    The threads end with it.
    """

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._calls: _Calls = SimpleQueue()
        self._threads = 0
        self._under_way = 0
        weakref.finalize(self, self._calls.put, None)

    async def run_sync(self, sync_fn: Callable[..., T], *args: object) -> T:
        """The function's result, or what it raises; not to be cancelled once it has begun."""
        await trio.lowlevel.checkpoint_if_cancelled()
        if self._threads <= self._under_way < self._limit:
            threading.Thread(target=_work, args=(self._calls,), daemon=True).start()
            self._threads += 1
        task, token = trio.lowlevel.current_task(), trio.lowlevel.current_trio_token()
        self._under_way += 1
        try:
            self._calls.put(_Call(task, token, sync_fn, args))
            result: T = await trio.lowlevel.wait_task_rescheduled(_wait_on)
        finally:
            self._under_way -= 1
        return result


def _wait_on(_: object) -> trio.lowlevel.Abort:
    return trio.lowlevel.Abort.FAILED


def _work(calls: _Calls) -> None:
    while (call := calls.get()) is not None:
        result = outcome.capture(call.sync_fn, *call.args)
        with suppress(trio.RunFinishedError):
            call.token.run_sync_soon(trio.lowlevel.reschedule, call.task, result)
        del call, result  # what has been done is not kept until the next call
    calls.put(None)  # for the next thread
