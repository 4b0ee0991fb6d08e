"""The spool's folders: where each one is, and whether this root can serve as a spool at all.

It knows nothing of files that are handed in. A root that cannot serve is a reason to show the
operator, not an exception.
"""

from __future__ import annotations

import contextlib
import os
import stat
from pathlib import Path

from smppd.message import Lane

#: Where each lane is handed in, below the root.
INBOX = {Lane.HIGH: "inbox/high", Lane.NORMAL: "inbox", Lane.BULK: "inbox/bulk"}

#: The folders in which writers work, parents first.
INBOX_FOLDERS = ("inbox", "inbox/tmp", "inbox/high", "inbox/bulk")

#: Every folder of the spool, parents first.
FOLDERS = (
    *INBOX_FOLDERS,
    "work",
    "done",
    "bad",
    "received",
    "received/tmp",
    "received/new",
    "received/parts",
    "received/chat",
    "received/optout",
    "receipts",
    "events",
)

#: What the group of a shared spool may do: write where each member may move and remove what is his own,
#: read, and (smstools' scripts do) read and take away. Nothing elsewhere. The umask has no say in it.
_WRITES, _READS, _TAKES, _NOTHING = 0o1770, 0o750, 0o770, 0o700
_MODES = {
    **dict.fromkeys((*INBOX_FOLDERS, "outgoing"), _WRITES),
    **dict.fromkeys(("done", "bad", "receipts", "events"), _READS),
    **dict.fromkeys(("sent", "failed", "incoming"), _TAKES),
}

#: Folders inside the inbox that are ours; any other folder there is a mistake of the writer.
INSIDE_INBOX = frozenset({"tmp", "high", "bulk"})


def prepare_root(root: Path) -> str | None:
    """Create what is missing and try what the spool lives by; a reason when it cannot serve.

    What it lives by is renaming a file from any folder to any other, which one filesystem,
    mounted once, and write permission everywhere give. So a file is renamed through them all.
    """
    for name in ("", *FOLDERS):
        folder = root / name
        try:
            if not name:
                folder.mkdir(parents=True, exist_ok=True)
            elif not folder.is_dir():
                make_folder(root, name)
        except FileExistsError:
            return f"{folder} is not a folder: move it away"
        except OSError as error:
            return f"cannot create {folder}: {error.strerror}: create it for the daemon's user"
    return _one_filesystem(root) or _renames_pass(root)


def make_folder(root: Path, name: str) -> None:
    """Make this folder of the spool. Raises OSError.

    A spool whose root hands its group on (set-group-ID) is shared with that group, so that its members may
    hand in and read results, and nothing else. Otherwise the umask decides.
    """
    folder = root / name
    if not root.stat().st_mode & stat.S_ISGID:
        folder.mkdir()
        return
    # Not with chmod: where it is not for the process to set that bit, it is for the kernel to hand it on.
    before = os.umask(0o007)
    try:
        folder.mkdir(_MODES.get(name, _NOTHING))
    finally:
        os.umask(before)


def _one_filesystem(root: Path) -> str | None:
    device = root.stat().st_dev
    for name in FOLDERS:
        if (root / name).stat().st_dev != device:
            return (
                f"{root / name} is on another filesystem than {root}: files are claimed by "
                "renaming, so mount the whole spool as one filesystem"
            )
    return None


def _renames_pass(root: Path) -> str | None:
    probe = root / f".probe-{os.getpid()}.tmp"
    try:
        probe.write_bytes(b"")
        for name in FOLDERS:
            here = root / name / probe.name
            try:
                probe = probe.rename(here)
            except OSError as error:
                return (
                    f"cannot move a file from {probe.parent} to {here.parent}: {error.strerror}: "
                    "give the daemon's user write permission, and mount the spool only once"
                )
    except OSError as error:
        return f"cannot write in {root}: {error.strerror}: give it to the daemon's user"
    finally:
        with contextlib.suppress(OSError):
            probe.unlink(missing_ok=True)
    return None


def shown_name(name: str) -> str:
    """A file's name as text that can be written anywhere, whatever octets it has on disk."""
    return os.fsencode(name).decode(errors="replace")
