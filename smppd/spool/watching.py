"""Inotify: it shortens the wait for a file, and tells a rename from a write. Nothing relies on it.

The kernel may drop its news (then everything is listed again), a network filesystem may have
none, and a machine may have no watches left: polling finds every file all the same.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

import msgspec
import trio
from inotify_simple import INotify, flags  # type: ignore[import-untyped]

from smppd.message import Lane

_WANTED = flags.MOVED_TO | flags.CLOSE_WRITE | flags.MOVE_SELF | flags.ONLYDIR
_LOST = flags.IGNORED | flags.MOVE_SELF


class News(msgspec.Struct, frozen=True):
    """A file came into a lane's folder; `moved`: by a rename, so it is finished."""

    lane: Lane
    name: str
    moved: bool


class Overflow(msgspec.Struct, frozen=True):
    """The kernel lost some news."""


class Lost(msgspec.Struct, frozen=True):
    """A lane's folder was removed, or moved away: see `Watch.renew`."""

    lane: Lane


class Watch:
    """A watch on the inbox folders. Close it. OSError when there cannot be one."""

    def __init__(self, folders: Mapping[Lane, Path]) -> None:
        self._folders = folders
        self._inotify = INotify()
        self._lanes: dict[int, Lane] = {}
        try:
            for lane in folders:
                self.renew(lane)
        except OSError:
            self.close()
            raise

    def renew(self, lane: Lane) -> None:
        """Watch the folder that a lane has now. OSError when it cannot be watched."""
        self._lanes[self._inotify.add_watch(self._folders[lane], _WANTED)] = lane

    def close(self) -> None:
        """Give the descriptor back."""
        self._inotify.close()

    async def wait(self) -> None:
        """Return when there is news."""
        await trio.lowlevel.wait_readable(self._inotify.fileno())

    def news(self) -> list[News | Overflow | Lost]:
        """What has happened since the last call."""
        news: list[News | Overflow | Lost] = []
        for event in self._inotify.read(timeout=0):
            if event.mask & flags.Q_OVERFLOW:
                news.append(Overflow())
            elif event.mask & _LOST:
                lane = self._forget(event.wd)
                if lane is not None:
                    news.append(Lost(lane))
            elif event.name and not event.mask & flags.ISDIR and event.wd in self._lanes:
                moved = bool(event.mask & flags.MOVED_TO)
                news.append(News(self._lanes[event.wd], event.name, moved))
        return news

    def _forget(self, watched: int) -> Lane | None:
        """The lane whose folder this was; None where it was given up already."""
        lane = self._lanes.pop(watched, None)
        if lane is not None:
            with suppress(OSError):  # of a folder that was removed the kernel has done it
                self._inotify.rm_watch(watched)
        return lane
