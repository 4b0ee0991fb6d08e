"""Inotify: it shortens the wait for a file, and tells a rename from a write. Nothing relies on it.

The kernel may drop its news (then everything is listed again), a network filesystem may have
none, and a machine may have no watches left: polling finds every file all the same.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import msgspec
import trio
from inotify_simple import INotify, flags  # type: ignore[import-untyped]

from smppd.message import Lane

_WANTED = flags.MOVED_TO | flags.CLOSE_WRITE | flags.ONLYDIR


class News(msgspec.Struct, frozen=True):
    """A file came into a lane's folder; `moved`: by a rename, so it is finished."""

    lane: Lane
    name: str
    moved: bool


class Overflow(msgspec.Struct, frozen=True):
    """The kernel lost some news."""


class Watch:
    """A watch on the inbox folders. Close it."""

    def __init__(self, inotify: INotify, lanes: Mapping[int, Lane]) -> None:
        self._inotify = inotify
        self._lanes = lanes

    def close(self) -> None:
        """Give the descriptor back."""
        self._inotify.close()

    async def wait_news(self) -> list[News | Overflow]:
        """What happened since the last call; waits until there is something."""
        await trio.lowlevel.wait_readable(self._inotify.fileno())
        news: list[News | Overflow] = []
        for event in self._inotify.read(timeout=0):
            if event.mask & flags.Q_OVERFLOW:
                news.append(Overflow())
            elif event.name and not event.mask & flags.ISDIR and event.wd in self._lanes:
                moved = bool(event.mask & flags.MOVED_TO)
                news.append(News(self._lanes[event.wd], event.name, moved))
        return news


def open_watch(folders: Mapping[Lane, Path]) -> Watch | None:
    """Watch these folders; None where the system does not let us."""
    try:
        inotify = INotify()
    except OSError:
        return None
    try:
        lanes = {inotify.add_watch(folder, _WANTED): lane for lane, folder in folders.items()}
    except OSError:
        inotify.close()
        return None
    return Watch(inotify, lanes)
