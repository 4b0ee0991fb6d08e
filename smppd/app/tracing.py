"""What an operator says of traces, over the control socket. Raises `ControlRefused` for what cannot be meant."""

from __future__ import annotations

from pathlib import Path

import msgspec

from smppd.app.linking import link_called
from smppd.app.parts import Parts
from smppd.control import Arguments, ControlRefused
from smppd.figures import TraceFigures
from smppd.tracing.station import make_folder
from smppd.tracing.trace import Terms

#: A trace ends by itself after so many seconds at most.
LONGEST = 86_400.0


class Asked(msgspec.Struct):
    """A trace as it is asked for: of which link, for how many seconds, with texts or without, where
    to; or that it is to end. `who` asks."""

    who: str
    link: str
    seconds: float = 300.0
    readable: bool = False
    into: str | None = None
    stop: bool = False


class TraceCommand:
    """Starts traces and ends them."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts

    async def __call__(self, arguments: Arguments) -> TraceFigures:
        """Start one, or with "stop" end it; as it stands."""
        try:
            asked = msgspec.convert(arguments, Asked)
        except msgspec.ValidationError as mistake:
            raise ControlRefused(f"trace cannot be meant so: {mistake}") from None
        if asked.stop:
            found = self._parts.tracing.stop(asked.link, asked.who)
            if found is None:
                raise ControlRefused(f"link {asked.link} is not traced")
            return found
        link = link_called(asked.link, self._parts.links)
        if not 0 < asked.seconds <= LONGEST:
            raise ControlRefused(f"a trace takes more than 0 and at most {LONGEST:,.0f} seconds")
        least = self._parts.config.spool.min_free
        terms = Terms(self._folder(asked.into), asked.seconds, asked.readable, asked.who, least)
        begun = await self._parts.tracing.start(link, terms)
        if isinstance(begun, str):
            raise ControlRefused(begun)
        return begun

    def _folder(self, into: str | None) -> Path:
        """Where its files go: a folder that is there, and none of the spool's."""
        if into is None:
            folder = self._parts.config.journal.path.parent / "traces"
            try:
                make_folder(folder)
            except OSError as error:
                raise ControlRefused(
                    f"cannot make {folder}: {error.strerror}: choose a folder with --into"
                ) from None
            return folder
        folder = Path(into)
        try:
            there = folder.is_absolute() and folder.is_dir()
        except OSError as error:
            why = f"smppd cannot look at {into}: {error.strerror}"
            raise ControlRefused(f"{why}: choose a folder of the daemon's user") from None
        if not there:
            raise ControlRefused(f"{into} is no folder that smppd sees: make it first")
        if folder.resolve().is_relative_to(self._parts.config.spool.path.resolve()):
            raise ControlRefused(
                f"{into} is in the spool, where files are handed in: choose another"
            )
        return folder
