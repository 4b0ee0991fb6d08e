"""What waits in one lane of the inbox, since when, and what the operator was told of it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import msgspec

from smppd.spool.glance import Glance

#: After this many seconds of waiting the operator is told.
PATIENCE = 60.0

#: Waiting files remembered at most.
REMEMBERED = 10_000


class Sighting(msgspec.Struct):
    """A file that waits: as it was when last looked at, and unchanged since then."""

    signature: tuple[int, int]
    since: float
    listing: int
    due: float | None = None
    whole: bool | None = None
    told: bool = False


class Sightings:
    """The files that wait in one folder, by their names. All times are monotonic seconds."""

    def __init__(self, folder: Path, tell: Callable[[Path, str], None]) -> None:
        self._folder = folder
        self._tell = tell
        self._files: dict[str, Sighting] = {}
        self._listings = 0

    def get(self, name: str) -> Sighting | None:
        """How it was when it was last looked at, if it waits."""
        return self._files.get(name)

    def due(self, now: float) -> list[str]:
        """Those to be looked at by now."""
        return [name for name, each in self._files.items() if each.due and each.due <= now]

    def next_due(self) -> float:
        """When the next of them will be; infinity if none."""
        dues = (each.due for each in self._files.values() if each.due is not None)
        return min(dues, default=float("inf"))

    def forget(self, name: str) -> None:
        """It is gone."""
        self._files.pop(name, None)

    def forget_gone(self) -> None:
        """A listing of the folder has ended: what was not in it is gone."""
        gone = [name for name, each in self._files.items() if each.listing < self._listings]
        for name in gone:
            del self._files[name]
        self._listings += 1

    def stay(self, name: str, reason: str, now: float) -> None:
        """It cannot be taken as it is; the operator is told at once, and once. Of more than can be remembered
        he is told when others have gone, for else he would be at each listing."""
        sighting = self._files.get(name)
        if sighting is None:
            if len(self._files) >= REMEMBERED:
                return
            sighting = self._files[name] = Sighting((0, 0), now, self._listings)
        self._tell_once(name, sighting, reason)

    def sight(self, seen: Glance, now: float) -> Sighting:
        """Remember how a file looks now; a change makes it wait from now on."""
        name, signature = seen.name, seen.signature
        sighting = self._files.get(name)
        if sighting is None:
            sighting = Sighting(signature, now, self._listings)
            if len(self._files) < REMEMBERED:
                self._files[name] = sighting
        elif sighting.signature != signature:
            sighting.signature, sighting.since, sighting.whole = signature, now, None
        sighting.listing = self._listings
        return sighting

    def wait(self, seen: Glance, now: float, reason: str) -> None:
        """It waits, for no time that anybody knows; after a while the operator is told why."""
        sighting = self.sight(seen, now)
        sighting.due = None
        if now - sighting.since >= PATIENCE:
            self._tell_once(seen.name, sighting, reason)

    def _tell_once(self, name: str, sighting: Sighting, reason: str) -> None:
        sighting.listing = self._listings
        sighting.due = None
        if not sighting.told:
            sighting.told = True
            self._tell(self._folder / name, reason)
