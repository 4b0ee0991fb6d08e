"""Which filesystem a place is on, and what that means for a spool and a journal. Pure but for `mount_of`."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable
from pathlib import Path
from types import MappingProxyType

import msgspec

#: Over a network: locks, renames and syncs do not keep there what SQLite and the spool rely on.
_OVER_A_NETWORK = frozenset(
    {
        "9p", "afs", "beegfs", "ceph", "cifs", "coda", "davfs", "fuse.ceph", "fuse.davfs2",
        "fuse.glusterfs", "fuse.juicefs", "fuse.rclone", "fuse.s3fs", "fuse.sshfs", "glusterfs", "gpfs",
        "lustre", "ncpfs", "nfs", "nfs4", "orangefs", "smb3", "smbfs", "vboxsf",
    }
)  # fmt: skip
_MOVE = "give it a local disk (ext4, xfs) and name that in the configuration"
_DOUBTS = MappingProxyType(
    {
        "tmpfs": "is in memory: a reboot takes everything: mount a disk there",
        "ramfs": "is in memory: a reboot takes everything: mount a disk there",
        "overlay": "is a container's own layer, which goes with the container: mount a volume there",
    }
)
#: Options under which what was synced may not be on the disk.
_UNSAFE = frozenset({"nobarrier", "barrier=0"})
_OCTAL = re.compile(r"\\([0-7]{3})")


class Mount(msgspec.Struct, frozen=True):
    """A filesystem as it is mounted: where, what kind, with which options."""

    place: str
    kind: str
    options: frozenset[str]


def mounts(lines: Iterable[str]) -> list[Mount]:
    """Those of a /proc/PID/mountinfo (proc_pid_mountinfo(5)), the later ones over the earlier."""
    found = []
    for line in lines:
        before, _, after = line.partition(" - ")
        fields, more = before.split(" "), after.split(" ")
        if len(fields) < 6 or len(more) < 3:
            continue
        place = _OCTAL.sub(lambda octal: chr(int(octal[1], 8)), fields[4])
        options = frozenset([*fields[5].split(","), *more[2].strip().split(",")])
        found.append(Mount(place, more[0], options))
    return found


def holding(path: str, found: Iterable[Mount]) -> Mount | None:
    """The mount that a path without symlinks is on; None when nothing tells."""
    best: Mount | None = None
    for each in found:
        inside = path == each.place or path.startswith(each.place.rstrip("/") + "/")
        if inside and (best is None or len(each.place) >= len(best.place)):
            best = each
    return best


def mount_of(path: Path) -> Mount | None:
    """The mount that a place is on; None where the kernel does not tell."""
    try:
        lines = Path("/proc/self/mountinfo").read_text(errors="replace").splitlines()
    except OSError:
        return None
    return holding(os.path.realpath(path), mounts(lines))


def trouble(mount: Mount) -> str:
    """Why nothing that must be safe should be there, with the cure; empty for nothing."""
    if mount.kind in _OVER_A_NETWORK:
        return f"{mount.kind} goes over a network, where locks and syncs are not kept: {_MOVE}"
    if "ro" in mount.options:
        return f"{mount.place} is mounted read-only: look for errors of the disk (dmesg), and remount it"
    return ""


def doubt(mount: Mount) -> str:
    """What is to be said of it although it works, with the cure; empty for nothing."""
    if unsafe := _UNSAFE & mount.options:
        option = min(unsafe)
        return f"{mount.place} is mounted with {option}: a power cut may lose what was synced: mount it without"
    return _DOUBTS.get(mount.kind, "")
