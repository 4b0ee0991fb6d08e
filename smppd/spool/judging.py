"""Judging: whether a file in the inbox is finished and ours to take.

Nothing is claimed, moved or followed here; a file is opened only to see whether its structure is whole.
"""

from __future__ import annotations

import stat
from collections.abc import Callable
from pathlib import Path

import msgspec

from smppd.placing import NAME_LIMIT, SIDECAR, beside
from smppd.spool.belonging import STRANGE_CURE, why_strange
from smppd.spool.claiming import is_progress
from smppd.spool.folders import INSIDE_INBOX, shown_name
from smppd.spool.formats import Format, format_of, is_packed, is_sidecar, known_formats
from smppd.spool.glance import Glance
from smppd.spool.quarantine import Unusable
from smppd.spool.settings import LONGEST
from smppd.spool.sightings import Sightings
from smppd.spool.wholeness import PackedLook, is_whole

#: Names ending so stand beside files in `done/` and `bad/`.
RESERVED = (".results.jsonl", ".report.json", ".report.html", ".error.json")

#: Why a file of each format counts as unfinished, and what its writer can do.
_NOTHING_YET = "there is nothing in it. Finish it, or write in inbox/tmp and rename it"
_UNFINISHED = {
    Format.JSON: "its JSON does not close. Finish it, or write in inbox/tmp and rename it",
    Format.JSON_LINES: "no newline ends it. Finish it, or write in inbox/tmp and rename it",
    Format.SMS: _NOTHING_YET,
    Format.TXT: _NOTHING_YET,
    Format.CSV: "no newline ends it. Finish it, or write in inbox/tmp and rename it",
}
_UNFINISHED_PACKED = "its gzip does not end. Finish it, or write in inbox/tmp and rename it"


class IntakeRules(msgspec.Struct, frozen=True):
    """Seconds between listings, seconds a file must rest, octets of a line at most."""

    poll_interval: float = 1.0
    settle: float = 2.0
    max_line: int = 1024 * 1024


class Judge:
    """Of one lane's folder. `waiting` knows what waits there."""

    def __init__(
        self,
        folder: Path,
        rules: IntakeRules,
        wall: Callable[[], float],
        waiting: Sightings,
    ) -> None:
        self._folder = folder
        self._rules = rules
        self._wall = wall
        self._waiting = waiting
        self._packed = PackedLook()

    def close(self) -> None:
        """Look no further at what is being looked at."""
        self._packed.close()

    def judge(self, seen: Glance, now: float, *, moved: bool) -> Unusable | bool:
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
            self._waiting.wait(seen, now, "has a second name (hard link): remove one of them")
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
            self._waiting.wait(seen, now, reason)
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
        self._waiting.wait(seen, now, reason)
        return False

    def _judge_odd(self, seen: Glance, now: float) -> Unusable | bool:
        if is_sidecar(seen.name):  # taken away, its file would go without what was meant for it
            self._waiting.stay(seen.name, "is not a plain file: write one, or remove it", now)
            return False
        if not stat.S_ISDIR(seen.mode):
            return Unusable("is not a plain file", "hand in the file itself, not a link or device")
        if seen.name not in INSIDE_INBOX:
            self._waiting.stay(
                seen.name, "is a folder: hand in files; folders are not looked into", now
            )
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
        sighting = self._waiting.sight(seen, now)
        if now - sighting.since >= settle:
            sighting.due = None
            return True
        left = settle - max(now - sighting.since, age if age >= 0 else 0.0)
        sighting.due = now + max(left, 0.01)
        return False

    def _complete(self, seen: Glance, now: float, *, form: Format | None) -> bool:
        """Whether a settled file is one we can read and nobody is writing any more."""
        if not seen.readable:
            self._waiting.stay(
                seen.name, "cannot be read: let the daemon's user read it (chmod g+r)", now
            )
            return False
        if form is None or seen.was_renamed:
            return True
        sighting = self._waiting.get(seen.name)
        if sighting is None or sighting.whole is None:
            whole = self._is_whole(seen, form, now)
            if whole:
                return True
            sighting = self._waiting.sight(seen, now)
            if whole is None:
                sighting.due = now + 0.01
                return False
            sighting.whole = False
        how = _UNFINISHED_PACKED if is_packed(seen.name) else _UNFINISHED[form]
        self._waiting.wait(seen, now, f"is not complete: {how}")
        return False

    def _is_whole(self, seen: Glance, form: Format, now: float) -> bool | None:
        path = f"{self._folder}/{seen.name}"
        if is_packed(seen.name):
            return self._packed.is_whole(path, seen.signature, now)
        if seen.whole is not None:
            return seen.whole
        return is_whole(path, form, seen.size, self._rules.max_line)


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
