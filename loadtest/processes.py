"""The daemon that is measured, in a process of its own, what it costs, and what its journal holds."""

from __future__ import annotations

import os
import resource
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path


def start_daemon(
    root: Path, config: str, profile: str | Path | None = None, password: str = "secret"
) -> subprocess.Popen[bytes]:
    """The daemon in a process of its own, with this configuration; its log is `root/log`. With a
    profile (cProfile) its figures are no measure."""
    path = root / "smppd.toml"
    path.write_text(config)
    profiling = ["-m", "cProfile", "-o", str(profile)] if profile else []
    command = [sys.executable, *profiling, "-m", "smppd", "run", "--config", str(path)]
    environment = {**os.environ, "SMPPD_LOAD_PASSWORD": password}
    with (root / "log").open("wb") as log:
        # A session of its own: who started it ends it, and no Ctrl-C does so before.
        return subprocess.Popen(command, env=environment, stderr=log, start_new_session=True)


def until(
    ready: Callable[[], bool],
    daemon: subprocess.Popen[bytes],
    root: Path,
    timeout: float,
    every: float = 0.05,
) -> None:
    """Return when it is ready; end the program where the daemon has ended or time is up. Seconds."""
    deadline = time.monotonic() + timeout
    while not ready():
        if daemon.poll() is not None or time.monotonic() > deadline:
            sys.exit(f"the daemon did not get there:\n{(root / 'log').read_text()[-2000:]}")
        time.sleep(every)


def stop(daemon: subprocess.Popen[bytes]) -> resource.struct_rusage:
    """Let the daemon drain and end; what it used in all. Of one that has ended by itself, which is a
    fault that others tell of, what all that have ended used."""
    if daemon.poll() is not None:
        return resource.getrusage(resource.RUSAGE_CHILDREN)
    daemon.send_signal(signal.SIGTERM)
    _, status, usage = os.wait4(daemon.pid, 0)
    daemon.returncode = os.waitstatus_to_exitcode(status)
    return usage


def end(daemon: subprocess.Popen[bytes]) -> None:
    """See that it has ended, if need be without draining."""
    if daemon.poll() is None:
        daemon.terminate()
        try:
            daemon.wait(10)
        except subprocess.TimeoutExpired:
            daemon.kill()
            daemon.wait()


def cpu(pid: int) -> float:
    """Seconds of CPU that the process and its children have used, user and system."""
    everything = (_stat(pid), *map(_stat, children(pid)))
    # The process's own, and that of children which it has seen end.
    ticks = sum(int(field) for each in everything for field in each[11:15])
    return ticks / os.sysconf("SC_CLK_TCK")


def memory(pid: int) -> int:
    """Octets of memory that the process and its children have now; what they share counts once."""
    return sum(map(_share, (pid, *children(pid))))


def _share(pid: int) -> int:
    """Its own octets, and its part of those that it has in common with others; none once it has ended."""
    try:
        rollup = Path(f"/proc/{pid}/smaps_rollup").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return 0
    return int(rollup.partition("\nPss:")[2].split(maxsplit=1)[0]) << 10


def children(pid: int) -> list[int]:
    """The processes that it has started and that still run."""
    tasks = Path(f"/proc/{pid}/task").glob("*/children")
    return [int(child) for task in tasks for child in task.read_text().split()]


def _stat(pid: int) -> list[str]:
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()


def written(pid: int) -> int:
    """Octets that the process has caused to be written to disk."""
    return _io(pid, "write_bytes")


def wrote(pid: int) -> int:
    """Octets that the process and its children have given to write(), on whatever medium: the journal,
    results and files, nothing that went to a socket."""
    return sum(_io(each, "wchar") for each in (pid, *children(pid)))


def _io(pid: int, name: str) -> int:
    lines = Path(f"/proc/{pid}/io").read_text().splitlines()
    return int(dict(line.split(": ") for line in lines)[name])


def first_value(journal: Path, statement: str) -> float | None:
    """What an SQL statement finds first in a journal; None where it finds nothing."""
    with closing(sqlite3.connect(f"file:{journal}?mode=ro", uri=True)) as sql:
        found = sql.execute(statement).fetchone()
    return None if found is None else found[0]


def audit(root: Path) -> subprocess.CompletedProcess[str]:
    """What `smppd audit --json` says of the daemon's journal."""
    command = [sys.executable, "-m", "smppd", "audit", "--json", "--config"]
    return subprocess.run(
        [*command, str(root / "smppd.toml")], capture_output=True, text=True, check=False
    )
