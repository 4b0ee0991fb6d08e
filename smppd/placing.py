"""Putting files where they come to rest: names that never clash, contents that are whole or absent.

Shared by every part that leaves files for people. It knows the filesystem and no part of the
daemon. Nothing here ever overwrites a file it did not write itself. All calls block, so callers
run those that sync in a thread; OSError leaves each of them (a full disk, a lost permission).
"""

from __future__ import annotations

import itertools
import os
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

#: Names are cut to this many octets, so that `NAME.results.jsonl` still fits a directory entry.
NAME_LIMIT = 200

#: What the name of a file's settings ends in, behind the whole name of the file they lie beside.
SIDECAR = ".meta.json"

#: Who may do what with a file of ours, whatever the umask: a result that a group could write, its members
#: could forge.
FILE_MODE = 0o640

_serial = itertools.count(1)

#: How a file is opened that somebody else has made: no link is followed, and no FIFO waited for.
PLAINLY = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC


def day_folder(parent: Path, when: float) -> Path:
    """`parent/YYYY-MM-DD` for this moment (epoch seconds, the day in UTC), made if need be."""
    folder = parent / f"{datetime.fromtimestamp(when, UTC):%Y-%m-%d}"
    if not folder.is_dir():
        folder.mkdir(parents=True, exist_ok=True)
        fsync_folder(parent)
    return folder


def free_name(folder: Path, name: str, companions: Sequence[str] = ()) -> Path:
    """A path in `folder` that nobody uses: NAME, else NAME~2 and so on before the extension.

    `companions` are endings whose files (`NAME.error.json`) must be free as well. The next
    number is found in few steps, however often the name has come before. Two callers at once
    may be told the same name: whoever places files in one folder does so one at a time.
    """
    numbered = names_after(name)

    def taken(number: int) -> bool:
        candidate = folder / numbered(number)
        return any(os.path.lexists(f"{candidate}{ending}") for ending in ("", *companions))

    return folder / numbered(first_free(taken))


def names_after(name: str) -> Callable[[int], str]:
    """What a file of this name is called here: 1 gives NAME in a form that can be written
    anywhere, 2 gives NAME~2 and so on."""
    return partial(_numbered, *_split(name))


def first_free(taken: Callable[[int], bool]) -> int:
    """The number behind those that are taken, found in few steps; any free one where they leave
    gaps."""
    used, free = 0, 1
    while taken(free):
        used, free = free, free * 2
    while free - used > 1:
        middle = (used + free) // 2
        used, free = (middle, free) if taken(middle) else (used, middle)
    return free


def write_whole(path: Path, content: bytes | Iterable[bytes]) -> None:
    """Write a file so that it is there with all its octets, synced, or not there at all.

    The content may come in pieces, one after the other. A file of this name is replaced. The
    name itself is on disk after `fsync_folder`.
    """
    descriptor, draft = _draft(path.parent)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.writelines((content,) if isinstance(content, bytes) else content)
            file.flush()
            os.fsync(descriptor)
        draft.replace(path)
    except BaseException:
        draft.unlink(missing_ok=True)
        raise


def fsync_folder(folder: Path) -> None:
    """Put the names in a folder on disk: what was renamed in or out stays so after a crash."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def beside(path: Path) -> Path:
    """Where the settings of a file are, if it has any: `NAME.meta.json`."""
    return path.with_name(path.name + SIDECAR)


def _draft(folder: Path) -> tuple[int, Path]:
    while True:
        draft = folder / f".{os.getpid()}-{next(_serial)}.tmp"
        try:
            flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
            return os.open(draft, flags, FILE_MODE), draft
        except FileExistsError:
            continue


def _split(name: str) -> tuple[str, str]:
    """A printable, valid UTF-8 form of the name, short enough, cut before its extension."""
    plain = name if name.isascii() else name.encode(errors="replace").decode()
    if not plain.isprintable():
        plain = "".join(char if char.isprintable() else "_" for char in plain)
    plain = plain.lstrip(".") or "_"
    stem, dot, extension = plain.rpartition(".")
    if not dot or not stem or len(extension) > 20:
        stem, extension = plain, ""
    elif extension == "gz":  # NAME~2.csv.gz, which may be handed in again as it is
        inner, dot, kind = stem.rpartition(".")
        if dot and inner and len(kind) <= 20:
            stem, extension = inner, f"{kind}.gz"
    return stem, dot + extension if extension else ""


def _numbered(stem: str, extension: str, number: int) -> str:
    ending = extension if number == 1 else f"~{number}{extension}"
    room = NAME_LIMIT - len(ending.encode())
    return stem.encode()[:room].decode(errors="ignore") + ending
