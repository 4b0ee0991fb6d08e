"""Claiming: one rename takes a file out of its writer's hands and into `work/`.

Each claiming pass over a lane has a folder of its own, `work/TOKEN/`, so that names never clash
there; the token also says which lane the file came from. What lies in `work/` when the daemon
starts is what it had not finished. It knows names and folders, not what is in a file.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path

import msgspec

from smppd.message import Lane
from smppd.placing import PLAINLY, SIDECAR, fsync_folder
from smppd.ports import Claimed
from smppd.spool.folders import INBOX
from smppd.spool.formats import Format, format_of, is_sidecar
from smppd.spool.quarantine import remove_if_empty

_PROGRESS = ".progress.json"


#: Files of one message up to this size (octets) are read as soon as they are claimed, many at once.
BRIEF = 4096


class Taken(msgspec.Struct, frozen=True):
    """A claimed file and its size in octets when it was claimed. `content` is all that is in it,
    where that is one short message with nothing beside it."""

    claimed: Claimed
    octets: int
    has_sidecar: bool = False
    content: bytes | None = None


class Tokens:
    """Names for claiming passes: they sort by time and are never given twice in one spool."""

    def __init__(self, work: Path, wall: Callable[[], float]) -> None:
        self._work = work
        self._wall = wall
        self._count = 0

    def new_folder(self, lane: Lane) -> Path:
        """Create `work/TOKEN` for one pass over this lane."""
        while True:
            self._count += 1
            moment = datetime.fromtimestamp(self._wall(), UTC)
            stamp = f"{moment:%Y%m%dT%H%M%S}{moment.microsecond // 1000:03d}Z"
            folder = self._work / f"{stamp}-{self._count:06d}-{lane.name.lower()}"
            try:
                folder.mkdir()
            except FileExistsError:
                continue
            return folder


class Pass(msgspec.Struct, frozen=True):
    """What one claiming pass got: `refused` are files whose rename was not permitted; `failure` is
    why it ended early: the disk takes no more. `safe` is what was taken, where that is on disk already."""

    taken: list[Taken]
    refused: list[tuple[str, str]]
    failure: OSError | None = None
    safe: list[Taken] = []


def claim(inbox: Path, folder: Path, lane: Lane, found: Sequence[tuple[str, int]]) -> Pass:
    """Rename files (name, octets) of a lane's inbox into a new folder of `work/`, and put that on disk.

    What lies beside a file comes with it, and first: so a crash leaves it in `work/` alone at most,
    from where `left_over` takes it back. A file whose writer took it back meanwhile is left out.
    Where the disk fails behind the renames, the claim outlives a crash only after `sync_claim`.
    """
    outcome = _move_all(str(inbox), folder, lane, found)
    if not outcome.taken:
        remove_if_empty(folder)
        return outcome
    try:
        return msgspec.structs.replace(outcome, safe=sync_claim(inbox, folder, outcome.taken))
    except OSError:
        return outcome


def _move_all(inbox: str, folder: Path, lane: Lane, found: Sequence[tuple[str, int]]) -> Pass:
    outcome, token = Pass([], []), folder.name
    for name, octets in found:
        here, there = f"{inbox}/{name}", f"{folder}/{name}"
        has_sidecar = False
        try:
            has_sidecar = _move_sidecar(here, there)
            os.rename(here, there)
        except OSError as error:
            if has_sidecar:
                _move_sidecar(there, here)
            if isinstance(error, PermissionError):
                outcome.refused.append((name, error.strerror or "not permitted"))
            elif not isinstance(error, FileNotFoundError):
                # What has been taken is read all the same: nobody else looks for it.
                return msgspec.structs.replace(outcome, failure=error)
            continue
        outcome.taken.append(Taken(Claimed(token, name, lane, folder), octets, has_sidecar))
    return outcome


def _move_sidecar(path: str, to: str) -> bool:
    """Move what lies beside one path beside another one, if anything does."""
    try:
        os.rename(path + SIDECAR, to + SIDECAR)
    except FileNotFoundError:
        return False
    return True


def sync_claim(inbox: Path, folder: Path, taken: Sequence[Taken]) -> list[Taken]:
    """Put the renames of one pass on disk, first where the files are now; they, with the content of
    those that are brief."""
    for each in (folder, folder.parent, inbox):
        fsync_folder(each)
    return [_with_content(each) if _is_brief(each) else each for each in taken]


def _is_brief(taken: Taken) -> bool:
    return (
        taken.octets <= BRIEF
        and not taken.has_sidecar
        and taken.claimed.name.lower().endswith(Format.JSON.value)
    )


def _with_content(taken: Taken) -> Taken:
    """A file that is not as it was, or cannot be read, is left to who reads files carefully."""
    claimed = taken.claimed
    try:
        descriptor = os.open(f"{claimed.folder}/{claimed.name}", PLAINLY)
    except OSError:
        return taken
    try:
        content = os.read(descriptor, BRIEF + 1)
    except OSError:
        return taken
    finally:
        os.close(descriptor)
    if len(content) != taken.octets:
        return taken
    return Taken(claimed, taken.octets, content=content)


def is_progress(name: str) -> bool:
    """Whether a file in `work/` is the progress of another one there, not a hand-in."""
    return name.endswith(_PROGRESS) and format_of(name.removesuffix(_PROGRESS)) is not None


def left_over(root: Path) -> dict[Lane, list[Path]]:
    """The folders that earlier runs left in `work/`, by lane, oldest first.

    To be called before anything else works there: drafts, progress of files that are gone and
    empty folders are cleared away.
    """
    folders: dict[Lane, list[Path]] = {lane: [] for lane in Lane}
    for folder in sorted(path for path in (root / "work").iterdir() if path.is_dir()):
        _reunite(folder, root / INBOX[_lane_of(folder.name)])
        names = {path.name for path in folder.iterdir()}
        stale = {name for name in names if _is_stale(name, names)}
        for name in stale:
            (folder / name).unlink(missing_ok=True)
        if names == stale:
            remove_if_empty(folder)
        else:
            folders[_lane_of(folder.name)].append(folder)
    return folders


def _reunite(folder: Path, inbox: Path) -> None:
    """Bring a file and what lies beside it together again, where a crash came between them."""
    names = {path.name for path in folder.iterdir()}
    for name in names:
        if is_sidecar(name):
            main = name.removesuffix(SIDECAR)
            if main in names:
                continue
            if (inbox / main).exists() and not (inbox / name).exists():
                (folder / name).rename(inbox / name)
            else:  # its file is in bad/ with a copy of it, or was withdrawn
                (folder / name).unlink()


def _is_stale(name: str, names: set[str]) -> bool:
    return name.startswith(".") or (is_progress(name) and name.removesuffix(_PROGRESS) not in names)


def recover(folders: Sequence[Path]) -> Iterator[Taken]:
    """Every file that earlier runs claimed and did not finish, folder by folder."""
    for folder in folders:
        for name in sorted(filter(_is_hand_in, _names(folder))):
            path = folder / name
            try:
                octets = path.lstat().st_size
            except FileNotFoundError:
                continue
            yield Taken(Claimed(folder.name, name, _lane_of(folder.name), folder), octets)


def _is_hand_in(name: str) -> bool:
    return not is_progress(name) and not is_sidecar(name)


def _names(folder: Path) -> list[str]:
    try:
        return [path.name for path in folder.iterdir() if not path.name.startswith(".")]
    except FileNotFoundError:
        return []


def _lane_of(token: str) -> Lane:
    word = token.rpartition("-")[2].upper()
    return Lane[word] if word in Lane.__members__ else Lane.NORMAL
