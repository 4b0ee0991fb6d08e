"""Commands as processes of their own."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

PATIENCE = 60.0


def simulator(*options: str, port: int = 0) -> list[str]:
    """The command of a simulated SMSC that listens on this port, or else on any that is free."""
    return [sys.executable, "-m", "smppd", "simulate", f"--listen=127.0.0.1:{port}", *options]


@contextmanager
def smppd(*words: str, **environ: str) -> Iterator[subprocess.Popen[str]]:
    """A command, with these variables beside those there are; it does not outlive the context."""
    process = subprocess.Popen(
        [sys.executable, "-m", "smppd", *words],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=os.environ | environ,
    )
    with process:
        try:
            yield process
        finally:
            process.kill()


@contextmanager
def smsc(*options: str) -> Iterator[int]:
    """A simulated SMSC; the port where it listens. It ends in good order with the context."""
    process = subprocess.Popen(simulator(*options), stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        yield int(process.stdout.readline().rsplit(":", 1)[1])
    finally:
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=PATIENCE)


def finish(process: subprocess.Popen[str]) -> tuple[int, str, str]:
    """Exit code, standard output and standard error, once it has ended."""
    out, err = process.communicate(timeout=PATIENCE)
    return process.returncode, out, err
