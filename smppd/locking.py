"""One daemon for one spool and one journal: a lock on a file, with the holder's pid in it."""

from __future__ import annotations

import fcntl
import os
import time
from pathlib import Path
from typing import BinaryIO

#: Seconds for which the lock of a process that is gone is waited for: another one of it still ends.
PATIENCE = 10.0
_EVERY = 0.05


class AlreadyLocked(Exception):  # noqa: N818 (it names a state of affairs, not an error of ours)
    """Somebody else holds the lock; the text names what is locked and by which pid."""


def take_lock(path: Path, what: str) -> BinaryIO:
    """Hold the lock until the returned file is closed or the process ends, however it ends.

    What a daemon that was killed had begun on the disk is waited for, a few seconds at most.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    file = os.fdopen(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600), "r+b")
    pid = _locked_by(file)
    if pid is not None:
        file.close()
        if pid and not _is_alive(pid):
            raise AlreadyLocked(
                f"{what}: the smppd that had it, pid {pid}, has ended, but a process of its is still "
                "at work there: start this one again in a moment"
            )
        raise AlreadyLocked(
            f"{what} is in use by another smppd, pid {pid or 'unknown'}: stop that one, or give "
            "this one another [spool] path and [journal] path"
        )
    file.truncate(0)
    file.write(f"{os.getpid()}\n".encode())
    file.flush()
    return file


def _locked_by(file: BinaryIO) -> str | None:
    """The pid of who has the lock, as it was written down; None when we have it."""
    give_up = time.monotonic() + PATIENCE
    while True:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            file.seek(0)
            pid = file.read(20).decode(errors="replace").strip()
            if _is_alive(pid) or time.monotonic() > give_up:
                return pid
            time.sleep(_EVERY)
        else:
            file.seek(0)
            return None


def _is_alive(pid: str) -> bool:
    """Whether it runs; not so one that has ended and that its parent has not asked about yet."""
    try:
        os.kill(int(pid), 0)
    except (ProcessLookupError, ValueError):
        return False
    except PermissionError:
        return True
    try:
        return " Z " not in Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2][:3]
    except OSError:  # it ended just now, or is hidden from us
        return True
