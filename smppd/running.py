"""A command of the operator's: run without a shell, bounded in time and in what it may say.

It gets a session of its own, so that whatever it has started can be ended with it, and of our
environment only what says where it is: never a variable that may hold a password.
"""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Mapping, Sequence
from contextlib import suppress

import msgspec
import trio

_KEPT = ("PATH", "HOME", "USER", "LOGNAME", "LANG", "LC_ALL", "LC_CTYPE", "TZ", "TMPDIR")
#: Seconds between asking a command to end and ending it.
_GRACE = 1.0
#: Seconds for what a command has said to be read after its end: a child of it may still have the pipe.
_READ_OUT = 0.5
#: Characters of its last line that are told.
_TOLD = 200


class Bounds(msgspec.Struct, frozen=True):
    """Seconds that a command may take, and octets that it may say."""

    timeout: float = 30.0
    max_output: int = 64 << 10


class Ran(msgspec.Struct, frozen=True):
    """What came of a command: nothing is wrong when `problem` is empty. `started`: there was such a
    command; `said` is the last line of what it said."""

    problem: str
    started: bool = True
    said: str = ""


def bare_environment() -> dict[str, str]:
    """What a command gets of our environment."""
    return {name: os.environ[name] for name in _KEPT if name in os.environ}


async def run_command(
    command: Sequence[str], given: bytes, environment: Mapping[str, str], bounds: Bounds
) -> Ran:
    """Run it to its end, with this on its standard input. One that is cancelled is killed."""
    try:
        process = await trio.lowlevel.open_process(
            list(command),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            cwd="/",
            env={**bare_environment(), **environment},
        )
    except OSError as error:
        return Ran(f"{command[0]} cannot be run: {error.strerror}", started=False)
    run = _Run(process, bounds)
    try:
        return await run.to_its_end(given)
    finally:
        await run.end()


class _Run:
    def __init__(self, process: trio.Process, bounds: Bounds) -> None:
        self._process = process
        self._bounds = bounds
        self._said = bytearray()
        self._too_much = False

    async def to_its_end(self, given: bytes) -> Ran:
        with trio.move_on_after(self._bounds.timeout) as time:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(self._give, given)
                nursery.start_soon(self._read, nursery.cancel_scope)
                await self._process.wait()
                nursery.cancel_scope.deadline = trio.current_time() + _READ_OUT
        said = self._last_line()
        if self._too_much:
            return Ran(f"it said more than {self._bounds.max_output} octets", said=said)
        if time.cancelled_caught:
            return Ran(f"it did not end within {self._bounds.timeout:g} s", said=said)
        return Ran(self._how_it_ended(), said=said)

    def _how_it_ended(self) -> str:
        code = self._process.returncode or 0
        if code >= 0:
            return f"exit code {code}" if code else ""
        try:
            return f"ended by {signal.Signals(-code).name}"
        except ValueError:
            return f"ended by signal {-code}"

    async def _give(self, given: bytes) -> None:
        assert self._process.stdin is not None
        with suppress(trio.BrokenResourceError, trio.ClosedResourceError):  # it need not read it
            async with self._process.stdin:
                await self._process.stdin.send_all(given)

    async def _read(self, scope: trio.CancelScope) -> None:
        assert self._process.stdout is not None
        async for some in self._process.stdout:
            self._said += some
            if len(self._said) > self._bounds.max_output:
                self._too_much = True
                scope.cancel()
                return

    async def end(self) -> None:
        """End it, with all that it has started, if it runs; it is gone on return."""
        process = self._process
        with trio.CancelScope(shield=True):
            if process.returncode is None and process.poll() is None:
                _signal(process.pid, signal.SIGTERM)
                with trio.move_on_after(_GRACE):
                    await process.wait()
                _signal(process.pid, signal.SIGKILL)
                await process.wait()
            for stream in (process.stdin, process.stdout):
                if stream is not None:
                    await stream.aclose()

    def _last_line(self) -> str:
        lines = bytes(self._said[-4096:]).decode(errors="replace").split("\n")
        last = next((line.strip() for line in reversed(lines) if line.strip()), "")
        return last[:_TOLD]


def _signal(group: int, number: signal.Signals) -> None:
    with suppress(ProcessLookupError):
        os.killpg(group, number)
