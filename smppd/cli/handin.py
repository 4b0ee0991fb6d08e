"""Handing a file in: written beside the inbox, synced, and renamed in under a name nobody uses.

Never overwrites: where the kernel can refuse to (renameat2 with RENAME_NOREPLACE), it does.
OSError leaves it when the spool cannot be written; nothing is left behind then.
"""

from __future__ import annotations

import ctypes
import errno
import os
import secrets
import stat
import time
from collections.abc import Iterable
from pathlib import Path

import msgspec

from smppd.message import Lane
from smppd.placing import SIDECAR, beside, free_name, fsync_folder
from smppd.spool.folders import INBOX

_AT_FDCWD = -100
_RENAME_NOREPLACE = 1
_NOT_OFFERED = frozenset({errno.ENOSYS, errno.EINVAL, errno.ENOTSUP})


class HandedIn(msgspec.Struct, frozen=True):
    """A file that was put into the inbox at a moment (epoch seconds). Renames do not change
    `identity` (device, inode)."""

    root: Path
    lane: Lane
    name: str
    identity: tuple[int, int]
    at: float = 0.0

    @property
    def path(self) -> Path:
        """Where it lies until it is claimed."""
        return self.root / INBOX[self.lane] / self.name


def hand_in(
    root: Path, lane: Lane, name: str, content: Iterable[bytes], settings: bytes = b""
) -> HandedIn:
    """Put a file into the inbox of a lane, whole and synced, as NAME or NAME~2 and so on.

    `settings` go beside it, and are there before it is.
    """
    draft = root / "inbox" / "tmp" / f"{os.getpid()}-{secrets.token_hex(8)}"
    sidecar = beside(draft)
    inbox = root / INBOX[lane]
    try:
        identity = _write(draft, content)
        if settings:
            _write(sidecar, [settings])
        while True:
            target = free_name(inbox, name, (SIDECAR,))
            if settings and not _rename_to_free(sidecar, beside(target)):
                continue
            at = time.time()
            if _rename_to_free(draft, target):
                break
            if settings:  # somebody else took the name meanwhile
                beside(target).rename(sidecar)
    except BaseException:
        draft.unlink(missing_ok=True)
        sidecar.unlink(missing_ok=True)
        raise
    fsync_folder(inbox)
    return HandedIn(root, lane, target.name, identity, at)


def _write(draft: Path, content: Iterable[bytes]) -> tuple[int, int]:
    with draft.open("xb") as file:
        for octets in content:
            file.write(octets)
        file.flush()
        status = os.fstat(file.fileno())
        if (
            draft.parent.stat().st_mode & stat.S_ISGID
        ):  # the daemon may be of its group, and no more; so are others, who are not to write it
            mode = stat.S_IMODE(status.st_mode) | stat.S_IRGRP
            os.fchmod(file.fileno(), mode & ~(stat.S_IWGRP | stat.S_IWOTH))
        os.fsync(file.fileno())
    return status.st_dev, status.st_ino


def _rename_to_free(source: Path, target: Path) -> bool:
    """Rename unless the target exists; False when it does."""
    renameat2 = getattr(ctypes.CDLL(None, use_errno=True), "renameat2", None)
    if renameat2 is not None:
        names = (os.fsencode(source), os.fsencode(target))
        if renameat2(_AT_FDCWD, names[0], _AT_FDCWD, names[1], _RENAME_NOREPLACE) == 0:
            return True
        number = ctypes.get_errno()
        if number == errno.EEXIST:
            return False
        if number not in _NOT_OFFERED:
            raise OSError(number, os.strerror(number), str(target))
    if os.path.lexists(target):
        return False
    source.rename(target)
    return True
