"""What is asked of /proc about the daemon and its processes, which may end meanwhile."""

from __future__ import annotations

import os
import subprocess
import sys

import processes
import pytest
from processes import memory

#: Takes 64 MB and becomes two, of which the second touches nothing; both wait to be ended.
TWO = """
import os, sys
held = b"x" * (64 << 20)
told, tell = os.pipe()
if os.fork() == 0:
    os.close(tell)
    os.read(told, 1)
    os._exit(0)
print(flush=True)
sys.stdin.read()
"""


def test_what_processes_share_counts_once() -> None:
    command = [sys.executable, "-c", TWO]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stdout.readline()
        assert len(processes.children(process.pid)) == 1
        assert 64 << 20 < memory(process.pid) < 100 << 20
        process.communicate()


def test_a_process_that_has_ended_takes_none(monkeypatch: pytest.MonkeyPatch) -> None:
    with subprocess.Popen([sys.executable, "-c", ""]) as process:
        os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
        assert memory(process.pid) == 0  # nobody has fetched it yet
    monkeypatch.setattr(processes, "children", lambda _: [process.pid])  # nor is it there any more
    assert memory(os.getpid()) > 0
