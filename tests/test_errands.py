"""A process for work on files: its answers, and its end, however the daemon ends."""

from __future__ import annotations

import fcntl
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import trio

from smppd.errands import Errands, ErrandsEnded
from smppd.locking import AlreadyLocked, take_lock


@pytest.fixture
def errands() -> Iterator[Errands]:
    with Errands() as errands:
        yield errands


async def test_what_a_function_comes_to_comes_from_another_process(errands: Errands) -> None:
    pid = await errands.run_sync(os.getpid)
    assert pid != os.getpid()
    assert await errands.run_sync(os.getpid) == pid
    long = ["é" * 1000] * 1000
    assert await errands.run_sync(sorted, long) == long


async def test_a_failing_disk_is_an_error_as_it_would_be_here(
    errands: Errands, tmp_path: Path
) -> None:
    with pytest.raises(FileNotFoundError) as failure:
        await errands.run_sync(os.rmdir, str(tmp_path / "none"))
    assert failure.value.filename == str(tmp_path / "none")
    assert await errands.run_sync(os.getpid)


async def test_errands_wait_for_one_another_and_are_not_broken_off(
    errands: Errands, tmp_path: Path
) -> None:
    with trio.CancelScope() as scope:
        scope.cancel()
        await errands.run_sync(os.mkdir, str(tmp_path / "never"))
    assert not (tmp_path / "never").exists()

    async def make(name: str, task_status: trio.TaskStatus[None]) -> None:
        task_status.started()
        await errands.run_sync(os.mkdir, str(tmp_path / name))

    async with trio.open_nursery() as nursery:
        for name in "abc":
            await nursery.start(make, name)
        await trio.lowlevel.checkpoint()
        nursery.cancel_scope.cancel()
    assert await errands.run_sync(os.listdir, str(tmp_path)) == ["a"]


async def test_signals_for_the_daemon_do_not_end_it(errands: Errands) -> None:
    pid = await errands.run_sync(os.getpid)
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        os.kill(pid, number)
    assert await errands.run_sync(os.getpid) == pid


async def test_its_end_is_told(errands: Errands) -> None:
    pid = await errands.run_sync(os.getpid)
    os.kill(pid, signal.SIGKILL)
    with pytest.raises(ErrandsEnded, match="has ended"):
        await errands.run_sync(os.getpid)


OWNER = """
import os, sys, trio
from pathlib import Path
from smppd.errands import Errands
from smppd.locking import take_lock

async def main():
    lock = take_lock(Path(sys.argv[1]), "spool")
    errands = Errands([lock.fileno()])
    print(await errands.run_sync(os.getpid), flush=True)
    await errands.run_sync(os.read, os.open(sys.argv[2], os.O_RDONLY), 1)

trio.run(main)
"""


def test_it_holds_the_daemons_locks_until_it_has_ended(tmp_path: Path) -> None:
    lock, pipe = tmp_path / "lock", tmp_path / "pipe"
    os.mkfifo(pipe)
    command = [sys.executable, "-c", OWNER, str(lock), str(pipe)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as owner:
        assert owner.stdout is not None
        assert owner.stdout.readline()
        writer = os.open(pipe, os.O_WRONLY)  # once it reads: it is at work
        try:
            with pytest.raises(AlreadyLocked, match=f"pid {owner.pid}:"):
                take_lock(lock, "spool")
            owner.kill()
            owner.wait()
            with lock.open("rb") as other, pytest.raises(BlockingIOError):
                fcntl.flock(other, fcntl.LOCK_EX | fcntl.LOCK_NB)
        finally:
            os.close(writer)
        take_lock(lock, "spool").close()
