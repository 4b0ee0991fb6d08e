"""Noticing: what lies in one lane of the inbox, and which of it is finished and ours to take.

Listing is the truth; names told by a watch only come to be looked at sooner. A folder is listed
once and looked at in lots, never sorted, and memory holds only what must wait. Nothing is
claimed, moved or followed here; files are opened only to see whether their structure is whole.
OSError leaves it only when the inbox itself cannot be listed.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Generator, Iterator, Sequence
from functools import partial
from pathlib import Path

import msgspec

from smppd.placing import NAME_LIMIT, SIDECAR, beside
from smppd.spool.belonging import STRANGE_CURE, why_strange
from smppd.spool.claiming import is_progress
from smppd.spool.folders import INSIDE_INBOX, shown_name
from smppd.spool.formats import Format, format_of, is_packed, is_sidecar, known_formats
from smppd.spool.glance import Glance, glance
from smppd.spool.quarantine import Unusable
from smppd.spool.settings import LONGEST
from smppd.spool.wholeness import PackedLook, is_whole

#: Files looked at before others get their turn.
LOT = 500

#: After this many seconds of waiting the operator is told.
PATIENCE = 60.0

#: Waiting files remembered, and names from the watch kept, at most.
REMEMBERED = 10_000

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

    def gather(self, limit: int, now: float) -> list[tuple[str, bool]]:
        """Names to look at now, so many at most, and whether a rename has brought each."""
        names: dict[str, bool] = {}
        for name, moved in self._names(limit, now):
            if not name.startswith(".") and not name.endswith(_IGNORED):
                names[name] = moved or names.get(name, False)
        return list(names.items())

    def looking_at(self, names: Sequence[tuple[str, bool]]) -> Callable[[], list[Glance | str]]:
        """What looks at them, here or in another process."""
        rested = self._wall() - self._rules.settle
        return partial(glance, str(self._folder), names, self._rules.max_line, rested)

    def judge(
        self, names: Sequence[tuple[str, bool]], glances: Sequence[Glance | str], now: float
    ) -> Look:
        """What comes of these names, by what was seen of them."""
        look = Look([], [])
        for (_, moved), seen in zip(names, glances, strict=True):
            if isinstance(seen, str):
                self._waiting.pop(seen, None)
                continue
            verdict = self._judge(seen, now, moved=moved)
            if isinstance(verdict, Unusable):
                look.refused.append((seen.name, verdict))
            elif verdict:
                look.found.append((seen.name, seen.size))
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

    def _names(self, limit: int, now: float) -> Iterator[tuple[str, bool]]:
        """So many names: told ones, then due ones, then listed ones."""
        due = [name for name, each in self._waiting.items() if each.due and each.due <= now]
        for _ in range(limit):
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

    def _judge(self, seen: Glance, now: float, *, moved: bool) -> Unusable | bool:
        """True: claim it. False: not now."""
        if not seen.is_plain:
            return self._judge_odd(seen, now)
        if is_sidecar(seen.name):
            return self._judge_sidecar(seen, now)
        form = format_of(seen.name)
        at_once = form is not None and (moved or (seen.was_renamed and seen.whole is True))
        if not at_once and not self._settled(seen, now):
            return False
        if seen.links > 1:
            self._wait(seen, now, "has a second name (hard link): remove one of them")
            return False
        problem = _misfit(seen.name, form, seen.size)
        if problem is not None:
            return problem
        complete = self._complete(seen, now, form=None if moved else form)
        return complete and self._sidecar_complete(seen, now)

    def _judge_sidecar(self, seen: Glance, now: float) -> bool:
        """It goes with its file, never alone."""
        main = seen.name.removesuffix(SIDECAR)
        if not (self._folder / main).exists():
            reason = (
                f"waits for {shown_name(main)}, which it is about: hand that in, or remove this"
            )
            self._wait(seen, now, reason)
        return False

    def _sidecar_complete(self, seen: Glance, now: float) -> bool:
        """Whether what lies beside a file, if anything does, is whole."""
        if not seen.has_sidecar:
            return True
        path = beside(self._folder / seen.name)
        try:
            found, file = path.lstat(), (self._folder / seen.name).lstat()
        except FileNotFoundError:
            return True
        if not stat.S_ISREG(found.st_mode):
            reason = f"waits: {shown_name(path.name)} is not a plain file: write one, or remove it"
        elif why := why_strange(found, file):
            reason = f"waits: {shown_name(path.name)} {why}: {STRANGE_CURE}"
        elif found.st_size > LONGEST or is_whole(str(path), Format.JSON, found.st_size, LONGEST):
            return True
        else:
            reason = f"waits: {shown_name(path.name)} beside it is not complete: finish it"
        self._wait(seen, now, reason)
        return False

    def _judge_odd(self, seen: Glance, now: float) -> Unusable | bool:
        if not stat.S_ISDIR(seen.mode):
            return Unusable("is not a plain file", "hand in the file itself, not a link or device")
        if seen.name not in INSIDE_INBOX:
            self.leave(seen.name, "is a folder: hand in files; folders are not looked into", now)
        return False

    def _settled(self, seen: Glance, now: float) -> bool:
        """Whether it has rested, by its own times or (a clock may be wrong) before our eyes."""
        settle = self._rules.settle
        sighting = self._waiting.get(seen.name)
        changed = sighting is not None and sighting.signature != seen.signature
        age = self._wall() - seen.modified / 1e9
        if age >= settle and not changed:
            if sighting is not None:
                sighting.due = None
            return True
        sighting = self._sight(seen, now)
        if now - sighting.since >= settle:
            sighting.due = None
            return True
        left = settle - max(now - sighting.since, age if age >= 0 else 0.0)
        sighting.due = now + max(left, 0.01)
        return False

    def _complete(self, seen: Glance, now: float, *, form: Format | None) -> bool:
        """Whether a settled file is one we can read and nobody is writing any more."""
        if not seen.readable:
            self.leave(seen.name, "cannot be read: let the daemon's user read it (chmod g+r)", now)
            return False
        if form is None or seen.was_renamed:
            return True
        sighting = self._waiting.get(seen.name)
        if sighting is None or sighting.whole is None:
            whole = self._is_whole(seen, form, now)
            if whole:
                return True
            sighting = self._sight(seen, now)
            if whole is None:
                sighting.due = now + 0.01
                return False
            sighting.whole = False
        how = _UNFINISHED_PACKED if is_packed(seen.name) else _UNFINISHED[form]
        self._wait(seen, now, f"is not complete: {how}")
        return False

    def _is_whole(self, seen: Glance, form: Format, now: float) -> bool | None:
        path = f"{self._folder}/{seen.name}"
        if is_packed(seen.name):
            return self._packed.is_whole(path, seen.signature, now)
        if seen.whole is not None:
            return seen.whole
        return is_whole(path, form, seen.size, self._rules.max_line)

    # ── what waits ───────────────────────────────────────────────────────────────────────────

    def _sight(self, seen: Glance, now: float) -> _Sighting:
        """Remember how a file looks now; a change makes it wait from now on."""
        name, signature = seen.name, seen.signature
        sighting = self._waiting.get(name)
        if sighting is None:
            sighting = _Sighting(signature, now, self._listings)
            if len(self._waiting) < REMEMBERED:
                self._waiting[name] = sighting
        elif sighting.signature != signature:
            sighting.signature, sighting.since, sighting.whole = signature, now, None
        sighting.listing = self._listings
        return sighting

    def _wait(self, seen: Glance, now: float, reason: str) -> None:
        sighting = self._sight(seen, now)
        sighting.due = None
        if now - sighting.since >= PATIENCE:
            self._tell_once(seen.name, sighting, reason)

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
