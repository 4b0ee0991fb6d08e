"""The event handler of smstools: a command that is run with the event, a file and maybe an id.

No shell reads anything. What it prints goes nowhere, one that takes too long is killed with all that
it has started, and what it returns changes nothing, as in smstools; the operator is told of both.
"""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Sequence
from contextlib import suppress

import trio

from smppd.events import Emit, EventHandlerFailed
from smppd.running import bare_environment


class Handler:
    """Runs it, `concurrency` at once; what is about one message one after the other."""

    def __init__(
        self, command: Sequence[str], timeout: float, concurrency: int, emit: Emit
    ) -> None:
        self._command = list(command)
        self._timeout = timeout
        self._limiter = trio.CapacityLimiter(concurrency)
        self._emit = emit

    async def run(self, calls: Sequence[tuple[str, tuple[str, ...]]]) -> None:
        """Return when all have been run. `calls` say about which message each is."""
        if not self._command or not calls:
            return
        by_key: dict[str, list[tuple[str, ...]]] = {}
        for key, words in calls:
            by_key.setdefault(key, []).append(words)
        async with trio.open_nursery() as nursery:
            for each in by_key.values():
                nursery.start_soon(self._run_each, each)

    async def _run_each(self, calls: Sequence[tuple[str, ...]]) -> None:
        for words in calls:
            async with self._limiter:
                why = await self._run(words)
            if why:
                self._emit(EventHandlerFailed(words[0], words[1], why))

    async def _run(self, words: tuple[str, ...]) -> str:
        """Why it failed; empty when it did not."""
        try:
            process = await trio.lowlevel.open_process(
                [*self._command, *words],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                start_new_session=True,
                env=bare_environment(),
            )
        except OSError as error:
            return f"cannot be run: {error.strerror}"
        code: int | None = None
        try:
            with trio.move_on_after(self._timeout):
                code = await process.wait()
        finally:
            if code is None:
                with suppress(ProcessLookupError):
                    os.killpg(process.pid, signal.SIGKILL)
                with trio.CancelScope(shield=True):
                    await process.wait()
        if code is None:
            return f"took longer than {self._timeout:g} s and was killed"
        return "" if code == 0 else f"ended with {code}"
