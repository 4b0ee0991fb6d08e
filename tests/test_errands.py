"""A process for work on files: its answers, and its end, however the daemon ends."""

from __future__ import annotations

import errno
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import trio
import trio.testing

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

    pipe, done = tmp_path / "pipe", list[bytes]()
    os.mkfifo(pipe)

    async def read(task_status: trio.TaskStatus[None]) -> None:
        task_status.started()
        done.append(await errands.run_sync(pipe.read_bytes))

    async def make(name: str, task_status: trio.TaskStatus[None]) -> None:
        task_status.started()
        await errands.run_sync(os.mkdir, str(tmp_path / name))

    async with trio.open_nursery() as nursery:
        await nursery.start(read)
        for name in "bc":
            await nursery.start(make, name)
        await trio.testing.wait_all_tasks_blocked()
        nursery.cancel_scope.cancel()
        pipe.write_bytes(b"as it was")
    assert done == [b"as it was"]
    assert await errands.run_sync(os.listdir, str(tmp_path)) == ["pipe"]


async def test_signals_for_the_daemon_do_not_end_it(errands: Errands) -> None:
    pid = await errands.run_sync(os.getpid)
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        os.kill(pid, number)
    assert await errands.run_sync(os.getpid) == pid


async def test_signals_that_come_before_it_heeds_them_do_not_end_it_either(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    fork = os.fork

    def fork_and_stop() -> int:
        pid = fork()
        if pid:
            for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
                os.kill(pid, number)
        return pid

    monkeypatch.setattr(os, "fork", fork_and_stop)
    with Errands() as errands:
        assert not signal.pthread_sigmask(signal.SIG_BLOCK, ())
        assert await errands.run_sync(os.getpid) != os.getpid()


def _left_open() -> list[str]:
    return [str(each.resolve()) for each in Path("/proc/self/fd").iterdir()]


async def test_it_holds_nothing_but_what_it_was_given(tmp_path: Path) -> None:
    with take_lock(tmp_path / "given", "spool") as given, take_lock(tmp_path / "ours", "journal"):
        with Errands(), Errands([given.fileno()]) as errands:
            held = await errands.run_sync(_left_open)
    assert os.devnull in held
    assert [each for each in held if each.startswith(str(tmp_path))] == [str(tmp_path / "given")]
    assert sum("socket:" in each for each in held) == 1


async def test_a_fault_ends_it_and_is_said(
    capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "stderr", sys.__stderr__)
    with Errands() as errands:
        with pytest.raises(ErrandsEnded, match="has ended with status 1: nothing is lost"):
            await errands.run_sync([].pop)
    assert "IndexError: pop from empty list" in capfd.readouterr().err


async def test_its_end_is_told(errands: Errands) -> None:
    pid = await errands.run_sync(os.getpid)
    os.kill(pid, signal.SIGKILL)
    with pytest.raises(ErrandsEnded, match=r"has ended by SIGKILL .*start smppd again"):
        await errands.run_sync(os.getpid)


async def test_where_it_cannot_be_started_the_work_is_done_here(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_room() -> int:
        raise BlockingIOError(errno.EAGAIN, os.strerror(errno.EAGAIN))

    monkeypatch.setattr(os, "fork", no_room)
    with Errands() as errands:
        assert await errands.run_sync(os.getpid) == os.getpid()
        with pytest.raises(FileNotFoundError, match="none"):
            await errands.run_sync(os.rmdir, str(tmp_path / "none"))


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
