"""What the disk says of files at one look: everything that must be asked to know whether they are finished.

Asked for a whole lot of names at once, and apart from what is made of the answers (`inbox`): of
thousands of files a second the asking is for another process. OSError leaves nothing here.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Sequence

import msgspec

from smppd.placing import SIDECAR
from smppd.spool.formats import format_of, is_packed, is_sidecar
from smppd.spool.wholeness import is_whole

#: A file whose inode changed this much later than its content was renamed or linked in (ns).
_RENAMED_AFTER = 5_000_000


class Glance(msgspec.Struct, frozen=True):
    """A file as it was when it was looked at. `whole` is None where nobody has looked into it."""

    name: str
    mode: int
    size: int
    modified: int
    changed: int
    links: int
    readable: bool = False
    has_sidecar: bool = False
    whole: bool | None = None

    @property
    def is_plain(self) -> bool:
        """Whether it is a file, and no link, folder or device."""
        return stat.S_ISREG(self.mode)

    @property
    def signature(self) -> tuple[int, int]:
        """What changes when somebody writes in it."""
        return self.size, self.modified

    @property
    def was_renamed(self) -> bool:
        """Whether, by its times, it came to its name after it was written."""
        return self.changed - self.modified > _RENAMED_AFTER


def glance(
    folder: str, names: Sequence[tuple[str, bool]], max_line: int, rested: float
) -> list[Glance | str]:
    """Look at these files; the name of each that is gone.

    A watch has seen those marked True being renamed, so nobody need look into them; nor into
    packed ones, which takes long, or what was written since `rested` (epoch seconds).
    """
    return [_glance(folder, name, max_line, rested, moved=moved) for name, moved in names]


def _glance(folder: str, name: str, max_line: int, rested: float, *, moved: bool) -> Glance | str:
    path = f"{folder}/{name}"
    try:
        status = os.lstat(path)
    except OSError:
        return name
    seen = Glance(
        name,
        status.st_mode,
        status.st_size,
        status.st_mtime_ns,
        status.st_ctime_ns,
        status.st_nlink,
    )
    form = format_of(name)
    if form is None or not seen.is_plain or is_sidecar(name):
        return seen
    looks = not moved and not is_packed(name) and (seen.was_renamed or status.st_mtime <= rested)
    return msgspec.structs.replace(
        seen,
        readable=os.access(path, os.R_OK, effective_ids=True),
        has_sidecar=os.path.lexists(path + SIDECAR),
        whole=is_whole(path, form, status.st_size, max_line) if looks else None,
    )
