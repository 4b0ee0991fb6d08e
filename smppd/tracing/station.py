"""The traces under way: at most one of each link. Nothing is raised."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import trio

from smppd import __version__
from smppd.events import Emit, TraceStarted
from smppd.figures import TraceFigures
from smppd.tracing.pcapng import head
from smppd.tracing.ring import Ring
from smppd.tracing.trace import Terms, Trace, Traceable, short_of_room

_FOLDER_MODE = 0o700


class Tracing:
    """Starts traces and ends them. `wall` gives epoch seconds."""

    def __init__(self, emit: Emit, wall: Callable[[], float]) -> None:
        self._emit = emit
        self._wall = wall
        self._traces: dict[str, Trace] = {}
        self._nursery: trio.Nursery | None = None

    async def run(self) -> None:
        """Be there for traces until cancelled; those under way end with it."""
        async with trio.open_nursery() as self._nursery:
            await trio.sleep_forever()

    def figures(self) -> list[TraceFigures]:
        """Those under way."""
        return [trace.figures() for trace in self._traces.values()]

    async def start(self, link: Traceable, terms: Terms) -> TraceFigures | str:
        """Trace a link from now on; or why not, with the cure."""
        if self._nursery is None:
            return "smppd is starting or stopping"
        if link.name in self._traces:
            return (
                f"link {link.name} is traced already; end that with smppd trace --stop {link.name}"
            )
        ring = Ring(terms.folder, _file_name(link.name), self._wall(), _head(link.name, terms))
        try:
            problem = await trio.to_thread.run_sync(_prepare, ring, terms)
        except OSError as error:
            where = error.filename or terms.folder
            return f"cannot write to {where}: {error.strerror}: choose another folder with --into"
        if problem:
            return f"{problem}: free space, or choose another folder with --into"
        if link.name in self._traces:  # whoever was quicker
            ring.close()
            return f"link {link.name} is traced already"
        trace = self._traces[link.name] = Trace(link, terms, ring, self._wall, self._emit)
        self._emit(
            TraceStarted(link.name, str(terms.folder), terms.seconds, terms.readable, terms.who)
        )
        self._nursery.start_soon(self._see_through, link.name, trace)
        return trace.figures()

    def stop(self, link: str, who: str) -> TraceFigures | None:
        """End a link's trace; as it stood, None when there is none."""
        trace = self._traces.get(link)
        if trace is None:
            return None
        trace.end(f"stopped by {who}")
        return trace.figures()

    async def _see_through(self, link: str, trace: Trace) -> None:
        try:
            await trace.run()
        finally:
            del self._traces[link]


def _prepare(ring: Ring, terms: Terms) -> str:
    if problem := short_of_room(terms.folder, terms.least):
        return problem
    ring.open()
    return ""


def make_folder(folder: Path) -> None:
    """Have the folder that traces go to unless told otherwise. Blocks; raises OSError."""
    folder.mkdir(mode=_FOLDER_MODE, exist_ok=True)


def _file_name(link: str) -> str:
    return "".join(re.findall(r"[\w.-]", link)) or "link"


def _head(link: str, terms: Terms) -> bytes:
    shown = (
        "passwords are covered" if terms.readable else "passwords, texts and numbers are covered"
    )
    return head(f"smppd {__version__}", link, f"the sessions of link {link}; {shown}")
