"""Commands as processes of their own."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

PATIENCE = 60.0


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


def finish(process: subprocess.Popen[str]) -> tuple[int, str, str]:
    """Exit code, standard output and standard error, once it has ended."""
    out, err = process.communicate(timeout=PATIENCE)
    return process.returncode, out, err
