"""Where a file goes that cannot be used at all: `bad/`, with the reason beside it.

Nothing of such a file was sent and nothing of it is ever deleted or overwritten. It knows the
spool's folders, not why a file is unusable. OSError leaves it when the file cannot be moved.
"""

from __future__ import annotations

import os
import stat
from datetime import UTC, datetime
from pathlib import Path

import msgspec

from smppd.placing import PLAINLY, SIDECAR, beside, day_folder, free_name, fsync_folder, write_whole
from smppd.spool.folders import shown_name

#: What lies beside a quarantined file, named NAME.error.json.
EXPLANATION = ".error.json"
#: So many octets are copied at once.
_PIECE = 1 << 20


class Unusable(msgspec.Struct, frozen=True):
    """Why a whole file cannot be used, where in it that shows, and what its writer can do."""

    reason: str
    cure: str
    line: int | None = None
    column: int | None = None


def quarantine(root: Path, source: Path, problem: Unusable, when: float) -> Path:
    """Move a file (a symbolic link itself, not what it points to) to `bad/`, explained, and with it
    what lies beside it.

    Returns where it is now, on disk. One call at a time: see `free_name`. The explanation is
    there before the file, so that no crash leaves a file in `bad/` without one.
    """
    source.lstat()
    folder = day_folder(root / "bad", when)
    target = free_name(folder, source.name, (EXPLANATION, SIDECAR))
    explanation = target.with_name(target.name + EXPLANATION)
    write_whole(explanation, _explain(source.name, problem, when))
    # Copied first, and removed last: without its settings a file must be nowhere but there.
    has_settings = _copy_settings(source, target)
    try:
        source.rename(target)
    except OSError:
        explanation.unlink()
        beside(target).unlink(missing_ok=True)
        raise
    if has_settings:
        beside(source).unlink(missing_ok=True)
    fsync_folder(folder)
    fsync_folder(source.parent)
    if source.parent.parent == root / "work":
        remove_if_empty(source.parent)
    return target


def _copy_settings(source: Path, target: Path) -> bool:
    """Copy what lies beside a file, if it is a file that can be read, however long, and no link to one."""
    try:
        descriptor = os.open(beside(source), PLAINLY)
    except OSError:
        return False
    with os.fdopen(descriptor, "rb") as file:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            return False
        write_whole(beside(target), iter(lambda: file.read(_PIECE), b""))
    return True


def remove_if_empty(folder: Path) -> None:
    """Remove a claiming pass's folder once nothing is left in it."""
    try:
        folder.rmdir()
    except OSError:
        return


def _explain(name: str, problem: Unusable, when: float) -> bytes:
    moment = datetime.fromtimestamp(when, UTC).isoformat(timespec="milliseconds")
    content = {
        "file": shown_name(name),
        "reason": problem.reason,
        "line": problem.line,
        "column": problem.column,
        "time": moment.replace("+00:00", "Z"),
        "cure": problem.cure,
    }
    return msgspec.json.format(msgspec.json.encode(content), indent=2) + b"\n"
