"""What `doctor` looks at of disks: kind, room, how long a sync takes; and whether arrivals are noticed.

Writes one small file, which the spool ignores and which is removed, where this user may.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from pathlib import Path
from statistics import median

from inotify_simple import INotify, flags  # type: ignore[import-untyped]

from smppd.cli.diagnosis.mounts import doubt, mount_of, trouble
from smppd.cli.findings import Finding
from smppd.cli.places import seen

#: So often a sync is timed; and how long half of them may take (seconds) before it is spoken of.
_SYNCS = 5
SLOW_SYNC = 0.1
_PAGE = b"\0" * 4096
#: Less than so much of a filesystem is spoken of: a share of its inodes.
_FEW_INODES = 0.02
#: What the daemon needs of the kernel: one instance, a watch for each lane and some to spare.
_FEW_INSTANCES, _FEW_WATCHES = 16, 64
_LIMITS = Path("/proc/sys/fs/inotify")


def existing(path: Path) -> Path:
    """The place itself, or the nearest folder above it that is there."""
    return path if seen(path) else next(each for each in path.parents if seen(each))


def look_at_disk(what: str, place: Path, least: int) -> Iterator[Finding]:
    """The filesystem of a folder that the daemon writes to; `least` octets must be free there."""
    there = existing(place)
    yield filesystem(what, there)
    yield room(what, there, least)
    yield sync_time(what, there)


def filesystem(what: str, place: Path) -> Finding:
    """Its kind."""
    what = f"filesystem of the {what}"
    mount = mount_of(place)
    if mount is None:
        return Finding(what, True, "is of a kind that nobody tells here")
    if wrong := trouble(mount):
        return Finding(what, False, wrong)
    said = doubt(mount)
    return Finding(what, True, f"{mount.kind} {said or f'at {mount.place}'}", doubtful=bool(said))


def room(what: str, place: Path, least: int) -> Finding:
    """Its free space and inodes, against what the daemon wants to be left."""
    what = f"room for the {what}"
    try:
        status = os.statvfs(place)
    except OSError as error:
        return Finding(what, False, f"{place} cannot be looked at: {error.strerror}: mend the disk")
    free, size = status.f_bavail * status.f_frsize, status.f_blocks * status.f_frsize
    says = f"{mebibytes(free)} of {mebibytes(size)} free"
    if free < max(least, 1):
        cure = "free space, or nothing more is claimed"
        return Finding(what, False, f"{says}, less than min_free, {mebibytes(least)}: {cure}")
    if status.f_files and status.f_favail < max(1, _FEW_INODES * status.f_files):
        says = f"{status.f_favail:,} of {status.f_files:,} inodes are free: remove small files"
        return Finding(what, status.f_favail > 100, says, doubtful=True)
    if free < 2 * least:
        return Finding(what, True, f"{says}, soon less than min_free: free space", doubtful=True)
    return Finding(what, True, says)


def mebibytes(octets: int) -> str:
    """An amount as people read it."""
    return f"{octets / (1 << 20):,.0f} MiB"


def sync_time(what: str, folder: Path) -> Finding:
    """How long it takes until a page that was written there is on the disk."""
    what = f"sync to the disk of the {what}"
    folder = folder if folder.is_dir() else folder.parent
    if not os.access(folder, os.W_OK | os.X_OK, effective_ids=True):
        return Finding(what, True, f"is not measured: this user may not write into {folder}")
    probe = folder / f".doctor-{os.getpid()}.tmp"
    try:
        half = median(_timed(probe))
    except OSError as error:
        cure = "free space or mend the disk"
        return Finding(what, False, f"cannot write to {folder}: {error.strerror}: {cure}")
    says = f"takes {1000 * half:,.1f} ms"
    if half > SLOW_SYNC:
        says = f"{says}, and every commit waits for it: use a faster disk, or find who else uses it"
    return Finding(what, True, says, doubtful=half > SLOW_SYNC)


def _timed(probe: Path) -> list[float]:
    taken = []
    try:
        descriptor = os.open(probe, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        try:
            for _ in range(_SYNCS):
                began = time.perf_counter()
                os.write(descriptor, _PAGE)
                os.fsync(descriptor)
                taken.append(time.perf_counter() - began)
        finally:
            os.close(descriptor)
    finally:
        probe.unlink(missing_ok=True)
    return taken


def look_at_inotify(inbox: Path, limits: Path = _LIMITS) -> Iterator[Finding]:
    """Whether files that come into the inbox are noticed at once."""
    what, polled = "inotify", "files are found by polling meanwhile"
    try:
        with INotify() as inotify:
            inotify.add_watch(existing(inbox), flags.MOVED_TO)
    except OSError as error:
        cure = "raise fs.inotify.max_user_instances and max_user_watches (sysctl)"
        yield Finding(what, True, f"gives no watch ({error.strerror}); {polled}: {cure}", True)
        return
    for name, few in (("max_user_instances", _FEW_INSTANCES), ("max_user_watches", _FEW_WATCHES)):
        most = _limit(limits / name)
        if most is not None and most < few:
            says = f"fs.inotify.{name} is {most}, which others may use up; then {polled}: raise it"
            yield Finding(what, True, says, doubtful=True)
            return
    yield Finding(what, True, "gives watches")


def _limit(file: Path) -> int | None:
    try:
        return int(file.read_text())
    except (OSError, ValueError):
        return None
