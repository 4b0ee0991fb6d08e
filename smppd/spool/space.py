"""Room on the disk: below `min_free` nothing more is claimed, and files stay where they are safe."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from pathlib import Path

from smppd.disk import Disk

#: The word for it among what cannot be written.
CLAIMING = "claiming"
#: Seconds between two looks.
LOOK_EVERY = 1.0
#: Claiming goes on once so many times `min_free` is free, lest it stop again at once.
ENOUGH = 1.1

_HINT = "free space: files stay in inbox/ until there is more than min_free of [spool]"


class Space:
    """Looks after the filesystems of these places. `least` in octets, 0 for no limit."""

    def __init__(self, places: Sequence[Path], least: int, disk: Disk) -> None:
        self._places = places
        self._least = least
        self.disk = disk
        self._look_at = float("-inf")
        self._short = False

    def change(self, least: int) -> None:
        """Keep so many octets free from now on, 0 for no limit."""
        self._least, self._look_at = least, float("-inf")
        if not least and self._short:
            self._short = False
            self.disk.tell(CLAIMING, "", _HINT)

    def is_short(self, now: float, free: Callable[[Path], int] | None = None) -> bool:
        """Whether there is too little; `now` in monotonic seconds. OSError when nobody can tell."""
        if self._least and now >= self._look_at:
            self._look_at = now + LOOK_EVERY
            self._look(free or free_octets)
        return self._short

    def _look(self, free: Callable[[Path], int]) -> None:
        wanted = self._least * (ENOUGH if self._short else 1)
        room = {place: free(place) for place in self._places}
        place = min(room, key=lambda each: room[each])
        self._short = room[place] < wanted
        why = f"{place} has {_shown(room[place])} free, less than min_free, {_shown(self._least)}"
        self.disk.tell(CLAIMING, why if self._short else "", _HINT)


def free_octets(place: Path) -> int:
    """What an ordinary user may still write to the filesystem of this place."""
    status = os.statvfs(place)
    return status.f_bavail * status.f_frsize


def _shown(octets: int) -> str:
    return f"{octets / (1 << 20):,.0f} MiB"
