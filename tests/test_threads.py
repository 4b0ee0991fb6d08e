"""Calls that block in threads: their outcomes, how many there are at once, and what cancelling does."""

from __future__ import annotations

import gc
import threading
from functools import partial

import pytest
import trio
import trio.testing

from smppd.threads import Threads


def fail(reason: str) -> None:
    raise OSError(5, reason)


async def test_a_call_comes_to_its_result_in_another_thread() -> None:
    threads = Threads(2)
    assert await threads.run_sync(divmod, 7, 2) == (3, 1)
    assert await threads.run_sync(threading.get_ident) != threading.get_ident()


async def test_what_a_call_raises_is_raised_and_the_thread_serves_on() -> None:
    threads = Threads(1)
    for _ in range(2):
        with pytest.raises(OSError, match="broken"):
            await threads.run_sync(fail, "broken")
    assert await threads.run_sync(len, "abc") == 3


async def test_calls_one_after_another_have_the_same_thread() -> None:
    threads = Threads(20)
    assert len({await threads.run_sync(threading.get_ident) for _ in range(50)}) == 1


class Told:
    """Which calls have begun, told from their threads."""

    def __init__(self) -> None:
        self._token = trio.lowlevel.current_trio_token()
        self._send, self._receive = trio.open_memory_channel[int](100)

    def begun(self, number: int) -> None:
        self._token.run_sync_soon(self._send.send_nowait, number)

    async def next(self) -> int:
        return await self._receive.receive()


async def test_so_many_calls_are_under_way_at_once_and_the_others_wait_in_order() -> None:
    threads, doors, told = Threads(3), [threading.Event() for _ in range(6)], Told()

    def call(number: int) -> None:
        told.begun(number)
        doors[number].wait(60)

    async with trio.open_nursery() as nursery:
        for number in range(6):
            nursery.start_soon(threads.run_sync, call, number)
            await trio.testing.wait_all_tasks_blocked()
        assert {await told.next() for _ in range(3)} == {0, 1, 2}
        for number in range(3):
            doors[number].set()
            assert await told.next() == 3 + number
        for door in doors:
            door.set()


async def test_a_call_is_waited_for_to_its_end_and_none_begins_that_is_cancelled() -> None:
    threads, door, told, ended = Threads(1), threading.Event(), Told(), list[str]()

    def call() -> None:
        told.begun(0)
        door.wait(60)
        ended.append("it")

    with trio.CancelScope() as scope:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(threads.run_sync, call)
            await told.next()
            scope.cancel()
            nursery.start_soon(threads.run_sync, ended.append, "another")
            door.set()
    assert ended == ["it"]


async def test_the_threads_end_with_what_they_belong_to() -> None:
    before = set(threading.enumerate())
    threads = Threads(3)
    async with trio.open_nursery() as nursery:
        barrier = threading.Barrier(3)
        for _ in range(3):
            nursery.start_soon(threads.run_sync, partial(barrier.wait, 60))
    ours = set(threading.enumerate()) - before
    assert len(ours) == 3
    del threads, nursery
    gc.collect()
    for each in ours:
        each.join(60)
        assert not each.is_alive()
