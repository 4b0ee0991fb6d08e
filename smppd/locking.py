"""One daemon for one spool and one journal: a lock on a file, with the holder's pid in it."""

from __future__ import annotations

import fcntl
import os
from pathlib import Path
from typing import BinaryIO


class AlreadyLocked(Exception):  # noqa: N818 (it names a state of affairs, not an error of ours)
    """Somebody else holds the lock; the text names what is locked and by which pid."""


def take_lock(path: Path, what: str) -> BinaryIO:
    """Hold the lock until the returned file is closed or the process ends, however it ends."""
    path.parent.mkdir(parents=True, exist_ok=True)
    file = os.fdopen(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o640), "r+b")
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        pid = file.read(20).decode(errors="replace").strip() or "unknown"
        file.close()
        raise AlreadyLocked(
            f"{what} is in use by another smppd, pid {pid}: stop that one, or give this one "
            "another [spool] path and [journal] path"
        ) from None
    file.truncate(0)
    file.write(f"{os.getpid()}\n".encode())
    file.flush()
    return file
