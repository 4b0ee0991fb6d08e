"""A process for work on files: its answers, and its end, however the daemon ends."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import trio

from smppd import locking
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


async def test_signals_that_come_before_it_heeds_them_do_not_end_it_either(
    errands: Errands, monkeypatch: pytest.MonkeyPatch
) -> None:
    start = subprocess.Popen

    def start_and_stop(*args: Any, **more: Any) -> subprocess.Popen[bytes]:
        process = start(*args, **more)
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            process.send_signal(number)
        return process

    monkeypatch.setattr(subprocess, "Popen", start_and_stop)
    assert await errands.run_sync(os.getpid) != os.getpid()
    assert not signal.pthread_sigmask(signal.SIG_BLOCK, ())


async def test_its_end_is_told(errands: Errands) -> None:
    pid = await errands.run_sync(os.getpid)
    os.kill(pid, signal.SIGKILL)
    with pytest.raises(ErrandsEnded, match=r"has ended by SIGKILL .*start smppd again"):
        await errands.run_sync(os.getpid)


async def test_where_it_cannot_be_started_the_work_is_done_here_until_it_can(
    errands: Errands, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(sys, "executable", str(tmp_path / "gone"))
        assert await errands.run_sync(os.getpid) == os.getpid()
        with pytest.raises(FileNotFoundError, match="none"):
            await errands.run_sync(os.rmdir, str(tmp_path / "none"))
    assert await errands.run_sync(os.getpid) != os.getpid()


ASKER = """
import os, trio
from smppd.errands import Errands

async def main():
    with Errands() as errands:
        assert await errands.run_sync(os.getpid) != os.getpid()

trio.run(main)
"""


@pytest.mark.parametrize("flag", ["-P", "-I"])
def test_the_folder_it_is_started_in_cannot_put_modules_of_its_own_in_place(
    tmp_path: Path, flag: str
) -> None:
    for module in ("smppd", "socket", "sitecustomize"):
        (tmp_path / f"{module}.py").write_text(f"open('{module} was here', 'w')\n")
    found = {**os.environ, "PYTHONPATH": str(tmp_path)} if flag == "-I" else os.environ
    command = [sys.executable, flag, "-c", ASKER]
    done = subprocess.run(command, cwd=tmp_path, env=found, check=False)
    assert not list(tmp_path.glob("* was here"))
    assert done.returncode == 0


OWNER = """
import os, sys, trio
from pathlib import Path
from smppd.errands import Errands
from smppd.locking import take_lock

async def main():
    lock = take_lock(Path(sys.argv[1]), "spool")
    errands = Errands([lock.fileno()])
    print(await errands.run_sync(os.getpid), flush=True)
    await errands.run_sync(Path(sys.argv[2]).read_bytes)

trio.run(main)
"""


def test_it_holds_the_daemons_locks_until_it_has_ended(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
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
            os.waitid(os.P_PID, owner.pid, os.WEXITED | os.WNOWAIT)  # nobody has fetched it yet
            with monkeypatch.context() as patch:
                patch.setattr(locking, "PATIENCE", 0.1)
                with pytest.raises(AlreadyLocked, match=f"pid {owner.pid}, has ended, .* again"):
                    take_lock(lock, "spool")
        finally:
            os.close(writer)
        take_lock(lock, "spool").close()
