"""Noticing: what lies in one lane of the inbox, and which of it is finished and ours to take.

Listing is the truth; names told by a watch only come to be looked at sooner. A folder is listed
once and looked at in lots, never sorted, and memory holds only what must wait. Nothing is
claimed, moved or followed here; files are opened only to see whether their structure is whole.
OSError leaves it only when the inbox itself cannot be listed.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Generator, Iterator
from pathlib import Path

import msgspec

from smppd.placing import NAME_LIMIT, SIDECAR, beside
from smppd.spool.claiming import is_progress
from smppd.spool.folders import INSIDE_INBOX, shown_name
from smppd.spool.formats import Format, format_of, is_packed, is_sidecar, known_formats
from smppd.spool.quarantine import Unusable
from smppd.spool.settings import LONGEST
from smppd.spool.wholeness import PackedLook, is_whole

#: Files looked at before others get their turn.
LOT = 256

#: After this many seconds of waiting the operator is told.
PATIENCE = 60.0

#: Waiting files remembered, and names from the watch kept, at most.
REMEMBERED = 10_000

#: A file whose inode changed this much later than its content was renamed or linked in (ns).
_RENAMED_AFTER = 5_000_000

#: Names ending so stand beside files in `done/` and `bad/`.
RESERVED = (".results.jsonl", ".report.json", ".report.html", ".error.json")
#: Names ending so are drafts of editors and uploaders.
_IGNORED = (".tmp", ".part", ".swp", "~")


class IntakeRules(msgspec.Struct, frozen=True):
    """Seconds between listings, seconds a file must rest, octets of a line at most."""

    poll_interval: float = 1.0
    settle: float = 2.0
    max_line: int = 1024 * 1024


class Look(msgspec.Struct):
    """What one look found: files to claim (name, octets) and files to put in `bad/`."""

    found: list[tuple[str, int]]
    refused: list[tuple[str, Unusable]]


class _Sighting(msgspec.Struct):
    """A file that waits: as it was when last looked at, and unchanged since then."""

    signature: tuple[int, int]
    since: float
    listing: int
    due: float | None = None
    whole: bool | None = None
    told: bool = False


class LaneInbox:
    """One lane's folder. All times are monotonic seconds but for `wall`, which files go by."""

    def __init__(
        self,
        folder: Path,
        rules: IntakeRules,
        wall: Callable[[], float],
        tell: Callable[[Path, str], None],
    ) -> None:
        self._folder = folder
        self._rules = rules
        self._wall = wall
        self._tell = tell
        self._fresh: dict[str, bool] = {}
        self._waiting: dict[str, _Sighting] = {}
        self._listing: Generator[str, None, None] | None = None
        self._listings = 0
        self._list_next = True
        self._packed = PackedLook()

    def list_again(self) -> None:
        """Let the next looks go over everything in the folder."""
        self._list_next = True

    def expect(self, name: str, *, moved: bool) -> None:
        """Look at this file soon; `moved`: a rename brought it, so it is finished."""
        if len(self._fresh) < REMEMBERED:
            self._fresh[name] = moved or self._fresh.get(name, False)
        else:
            self._list_next = True

    @property
    def has_more(self) -> bool:
        """Whether there is something to look at without waiting."""
        return bool(self._fresh) or self._list_next or self._listing is not None

    def next_due(self) -> float:
        """When the next waiting file will have rested long enough; infinity if none waits."""
        dues = (each.due for each in self._waiting.values() if each.due is not None)
        return min(dues, default=float("inf"))

    def look(self, limit: int, now: float) -> Look:
        """Judge up to a lot of files and return what is ready, at most `limit` files to claim."""
        look = Look([], [])
        for name, status, moved in self._candidates(now):
            verdict = self._judge(name, status, now, moved=moved)
            if isinstance(verdict, Unusable):
                look.refused.append((name, verdict))
            elif verdict:
                look.found.append((name, status.st_size))
            if len(look.found) >= limit:
                break
        return look

    def leave(self, name: str, reason: str, now: float) -> None:
        """A file that could not be moved stays; the operator is told once."""
        sighting = self._waiting.get(name) or _Sighting((0, 0), now, self._listings)
        self._waiting[name] = sighting
        self._tell_once(name, sighting, reason)

    def close(self) -> None:
        """Stop listing, and whatever is being looked at."""
        self._packed.close()
        self._stop_listing()

    def _stop_listing(self) -> None:
        if self._listing is not None:
            self._listing.close()
            self._listing = None

    # ── which files to look at ───────────────────────────────────────────────────────────────

    def _candidates(self, now: float) -> Iterator[tuple[str, os.stat_result, bool]]:
        seen = set()
        for name, moved in self._names(now):
            if name in seen or name.startswith(".") or name.endswith(_IGNORED):
                continue
            seen.add(name)
            try:
                status = os.lstat(self._folder / name)
            except FileNotFoundError:
                self._waiting.pop(name, None)
                continue
            yield name, status, moved

    def _names(self, now: float) -> Iterator[tuple[str, bool]]:
        """Up to a lot of names: told ones, then due ones, then listed ones."""
        due = [name for name, each in self._waiting.items() if each.due and each.due <= now]
        for _ in range(LOT):
            if self._fresh:
                name = next(iter(self._fresh))
                yield name, self._fresh.pop(name)
            elif due:
                yield due.pop(), False
            elif (listed := self._next_listed()) is not None:
                yield listed, False
            else:
                return

    def _next_listed(self) -> str | None:
        if self._listing is None:
            if not self._list_next:
                return None
            self._list_next = False
            self._listing = _names_in(self._folder)
        listed = next(self._listing, None)
        if listed is None:
            self._stop_listing()
            self._forget_gone()
        return listed

    def _forget_gone(self) -> None:
        gone = [name for name, each in self._waiting.items() if each.listing < self._listings]
        for name in gone:
            del self._waiting[name]
        self._listings += 1

    # ── what to do with one ──────────────────────────────────────────────────────────────────

    def _judge(
        self, name: str, status: os.stat_result, now: float, *, moved: bool
    ) -> Unusable | bool:
        """True: claim it. False: not now."""
        if not stat.S_ISREG(status.st_mode):
            return self._judge_odd(name, status, now)
        if is_sidecar(name):
            return self._judge_sidecar(name, status, now)
        form = format_of(name)
        at_once = form is not None and (moved or self._was_renamed(name, form, status))
        if not at_once and not self._settled(name, status, now):
            return False
        if status.st_nlink > 1:
            self._wait(name, status, now, "has a second name (hard link): remove one of them")
            return False
        problem = _misfit(name, form, status.st_size)
        if problem is not None:
            return problem
        return self._complete(
            name, status, now, form=None if moved else form
        ) and self._sidecar_complete(name, status, now)

    def _judge_sidecar(self, name: str, status: os.stat_result, now: float) -> bool:
        """It goes with its file, never alone."""
        main = name.removesuffix(SIDECAR)
        if not (self._folder / main).exists():
            reason = (
                f"waits for {shown_name(main)}, which it is about: hand that in, or remove this"
            )
            self._wait(name, status, now, reason)
        return False

    def _sidecar_complete(self, name: str, status: os.stat_result, now: float) -> bool:
        """Whether what lies beside a file, if anything does, is whole."""
        path = beside(self._folder / name)
        try:
            found = path.lstat()
        except FileNotFoundError:
            return True
        if not stat.S_ISREG(found.st_mode):
            reason = f"waits: {shown_name(path.name)} is not a plain file: write one, or remove it"
        elif found.st_size > LONGEST or is_whole(path, Format.JSON, found.st_size, LONGEST):
            return True
        else:
            reason = f"waits: {shown_name(path.name)} beside it is not complete: finish it"
        self._wait(name, status, now, reason)
        return False

    def _judge_odd(self, name: str, status: os.stat_result, now: float) -> Unusable | bool:
        if not stat.S_ISDIR(status.st_mode):
            return Unusable("is not a plain file", "hand in the file itself, not a link or device")
        if name not in INSIDE_INBOX:
            self.leave(name, "is a folder: hand in files; folders are not looked into", now)
        return False

    def _was_renamed(self, name: str, form: Format, status: os.stat_result) -> bool:
        """Whether a whole file came by a rename that nobody watched: before the daemon started."""
        was_renamed = status.st_ctime_ns - status.st_mtime_ns > _RENAMED_AFTER
        if not was_renamed or is_packed(name):
            return False
        return is_whole(self._folder / name, form, status.st_size, self._rules.max_line)

    def _settled(self, name: str, status: os.stat_result, now: float) -> bool:
        """Whether it has rested, by its own times or (a clock may be wrong) before our eyes."""
        settle = self._rules.settle
        sighting = self._waiting.get(name)
        changed = sighting is not None and sighting.signature != _signature(status)
        age = self._wall() - status.st_mtime
        if age >= settle and not changed:
            if sighting is not None:
                sighting.due = None
            return True
        sighting = self._sight(name, status, now)
        if now - sighting.since >= settle:
            sighting.due = None
            return True
        left = settle - max(now - sighting.since, age if age >= 0 else 0.0)
        sighting.due = now + max(left, 0.01)
        return False

    def _complete(
        self, name: str, status: os.stat_result, now: float, *, form: Format | None
    ) -> bool:
        """Whether a settled file is one we can read and nobody is writing any more."""
        path = self._folder / name
        if not os.access(path, os.R_OK, effective_ids=True):
            self.leave(name, "cannot be read: let the daemon's user read it (chmod g+r)", now)
            return False
        if form is None or status.st_ctime_ns - status.st_mtime_ns > _RENAMED_AFTER:
            return True
        sighting = self._waiting.get(name)
        if sighting is None or sighting.whole is None:
            whole = self._is_whole(path, form, status, now)
            if whole:
                return True
            sighting = self._sight(name, status, now)
            if whole is None:
                sighting.due = now + 0.01
                return False
            sighting.whole = False
        how = _UNFINISHED_PACKED if is_packed(name) else _UNFINISHED[form]
        self._wait(name, status, now, f"is not complete: {how}")
        return False

    def _is_whole(
        self, path: Path, form: Format, status: os.stat_result, now: float
    ) -> bool | None:
        if is_packed(path.name):
            return self._packed.is_whole(path, _signature(status), now)
        return is_whole(path, form, status.st_size, self._rules.max_line)

    # ── what waits ───────────────────────────────────────────────────────────────────────────

    def _sight(self, name: str, status: os.stat_result, now: float) -> _Sighting:
        """Remember how a file looks now; a change makes it wait from now on."""
        signature = _signature(status)
        sighting = self._waiting.get(name)
        if sighting is None:
            sighting = _Sighting(signature, now, self._listings)
            if len(self._waiting) < REMEMBERED:
                self._waiting[name] = sighting
        elif sighting.signature != signature:
            sighting.signature, sighting.since, sighting.whole = signature, now, None
        sighting.listing = self._listings
        return sighting

    def _wait(self, name: str, status: os.stat_result, now: float, reason: str) -> None:
        sighting = self._sight(name, status, now)
        sighting.due = None
        if now - sighting.since >= PATIENCE:
            self._tell_once(name, sighting, reason)

    def _tell_once(self, name: str, sighting: _Sighting, reason: str) -> None:
        sighting.listing = self._listings
        sighting.due = None
        if not sighting.told:
            sighting.told = True
            self._tell(self._folder / name, reason)


_NOTHING_YET = "there is nothing in it. Finish it, or write in inbox/tmp and rename it"
_UNFINISHED = {
    Format.JSON: "its JSON does not close. Finish it, or write in inbox/tmp and rename it",
    Format.JSON_LINES: "no newline ends it. Finish it, or write in inbox/tmp and rename it",
    Format.SMS: _NOTHING_YET,
    Format.TXT: _NOTHING_YET,
    Format.CSV: "no newline ends it. Finish it, or write in inbox/tmp and rename it",
}


_UNFINISHED_PACKED = "its gzip does not end. Finish it, or write in inbox/tmp and rename it"


def _signature(status: os.stat_result) -> tuple[int, int]:
    return status.st_size, status.st_mtime_ns


def _misfit(name: str, form: Format | None, size: int) -> Unusable | None:
    """Why a file is not one for us, as far as its name and size show."""
    if shown_name(name) != name or not name.isprintable():
        return Unusable("has a name with unprintable characters", "give it a plain name")
    if len(name.encode()) > NAME_LIMIT:
        return Unusable(f"has a name longer than {NAME_LIMIT} octets", "give it a shorter name")
    if form is None:
        return Unusable("has no known extension", f"name it {known_formats()}")
    if is_progress(name) or name.endswith(RESERVED):
        return Unusable("has a name that the daemon uses itself", "give it another name")
    return None if size else Unusable("is empty", "hand in at least one message")


def _names_in(folder: Path) -> Generator[str, None, None]:
    try:
        entries = os.scandir(folder)
    except FileNotFoundError:
        return  # removed by somebody: it will be made again
    with entries:
        for entry in entries:
            yield entry.name
