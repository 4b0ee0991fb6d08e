"""What becomes of the files of smstools, as its scripts expect it: an outlet's way out.

A file in `checked/` gets its headers there, then a second name in `sent/` or `failed/`, then the
event handler is run, and only then its first name is removed. So whatever a crash cuts off is done
again: nothing is lost, and the handler hears of everything at least once. Messages of handsets and
status reports are files in `incoming/`, under names that are the same when they are written again.
"""

from __future__ import annotations

import os
from collections.abc import Awaitable, Callable, Sequence
from itertools import chain
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
import trio

from smppd.message import ErrorInfo
from smppd.outlets.happenings import Happening
from smppd.outlets.outlet import Trouble
from smppd.outlets.smstools_handler import Handler
from smppd.outlets.smstools_papers import annotated, moment, received, report
from smppd.placing import free_name, fsync_folder, write_whole
from smppd.smstools_text import CheckedName, is_checked_id, read_checked

#: The events that are of interest.
EVENTS = ("sent", "delivered", "failed", "received")
#: So many octets are copied at once; the headers are in the first.
_PIECE = 1 << 20
#: data_coding of octets that are no text.
_BINARY = (0x02, 0x04)


class _Letter(msgspec.Struct):
    data: str = ""
    data_coding: int = 0
    kind: str = "message"


class _Said(msgspec.Struct):
    """What an event says, as far as it matters here."""

    event: str
    id: str = ""
    to: str = ""
    from_: str = msgspec.field(default="", name="from")
    state: str = ""
    final: bool = False
    link: str = ""
    part: int = 0
    parts: int = 0
    message_ids: list[str] = []
    error: ErrorInfo | None = None
    name: str = ""
    text: str = ""
    letter: _Letter = msgspec.field(default_factory=_Letter)


_read = msgspec.json.Decoder(_Said).decode


class _Call(NamedTuple):
    """What the handler is to be told; `first` is the name in `checked/` that goes when it was."""

    key: str
    words: tuple[str, ...]
    first: Path | None = None


class Papers:
    """Writes the files, and has the handler run; `outlets.outlet.Sink` by its shape."""

    batch = 32

    def __init__(
        self,
        root: Path,
        handler: Handler,
        wall: Callable[[], float],
        *,
        utf8: bool,
        run_sync: Callable[..., Awaitable[Any]] = trio.to_thread.run_sync,
    ) -> None:
        self._root = root
        self._handler = handler
        self._wall = wall
        self._utf8 = utf8
        self._run_sync = run_sync
        self._checked = {
            name.id: name
            for each in (root / "checked").iterdir()
            if (name := read_checked(each.name))
        }
        #: Of long messages on their way, the message_ids of the parts that were taken.
        self._taken: dict[str, dict[int, str]] = {}
        self._earlier = frozenset(self._checked)
        #: Where files have their second names: by id those of this run, by inode those of earlier
        #: ones, once they are looked for.
        self._placed: dict[str, Path] = {}
        self._places: dict[int, Path] | None = None
        #: The ids that the lot under way has brought to their end.
        self._ended: set[str] = set()
        self._turn = trio.Lock()

    async def deliver(self, lot: Sequence[Happening]) -> Trouble | None:
        """See `outlets.outlet.Sink`."""
        async with self._turn:
            try:
                calls = await self._run_sync(self._write, lot)
                await self._handler.run([(call.key, call.words) for call in calls])
                await self._run_sync(self._clear, calls)
            except OSError as error:
                return Trouble(f"{error.filename or self._root}: {error.strerror}")
        return None

    async def refuse(self, name: CheckedName, mistake: ErrorInfo) -> None:
        """Fail a file that was never handed in. OSError when the disk fails."""
        async with self._turn:
            self._ended.clear()
            headers = _failed(f"{mistake.code}: {mistake.text}", self._wall())
            calls = await self._run_sync(self._end, name.id, "failed", headers, "")
            await self._run_sync(fsync_folder, self._root / "failed")
            await self._handler.run([(call.key, call.words) for call in calls])
            await self._run_sync(self._clear, calls)

    # ── in a thread ──────────────────────────────────────────────────────────────────────────

    def _write(self, lot: Sequence[Happening]) -> list[_Call]:
        calls: list[_Call] = []
        self._ended.clear()
        for happening in lot:
            said = _read(happening.json)
            if said.event == "received":
                calls += self._receive(said, happening.at)
            elif is_checked_id(said.id):
                calls += self._about(said, happening)
        for folder in ("sent", "failed", "incoming"):
            fsync_folder(self._root / folder)
        return calls

    def _about(self, said: _Said, happening: Happening) -> list[_Call]:
        """What a message's event comes to."""
        at = happening.at
        if said.event == "failed" and said.state != "undelivered":
            error = said.error or ErrorInfo(said.state.upper())
            reason = f"{error.code}: {error.text}" if error.text else error.code
            return self._end(said.id, "failed", _failed(reason, at), "")
        calls = list[_Call]()
        if said.event == "sent" and not said.final and not self._is_whole(said):
            return calls
        known = self._taken.pop(said.id, {})
        message_ids = [each for each in said.message_ids if each] or list(known.values())
        message_id = message_ids[-1] if message_ids else ""
        headers = [("Modem", said.link), ("Sent", moment(at)), ("Message_id", message_id)]
        calls += self._end(said.id, "sent", [each for each in headers if each[1]], message_id)
        if said.event in ("delivered", "failed"):
            calls += self._report(said, happening, message_id)
        return calls

    def _is_whole(self, said: _Said) -> bool:
        """Whether every part of a message has been taken."""
        if said.parts <= 1:
            return True
        taken = self._taken.setdefault(said.id, {})
        taken[said.part] = said.message_ids[0] if said.message_ids else ""
        # What an earlier run heard of is not known any more.
        return len(taken) == said.parts or (said.id in self._earlier and said.part == said.parts)

    def _end(
        self, id_: str, folder: str, headers: list[tuple[str, str]], message_id: str
    ) -> list[_Call]:
        """Bring a file to where it belongs, unless it is gone."""
        name = self._checked.get(id_)
        if name is None or id_ in self._ended:
            return []
        first = self._root / "checked" / str(name)
        try:
            links = first.stat().st_nlink
        except FileNotFoundError:
            del self._checked[id_]
            return []
        place = self._place_of(id_, first) if links > 1 else None
        if place is None:
            place = free_name(self._root / folder, name.name)
            # Under another name first, so that a crash leaves it as it came, or where it belongs.
            draft = self._root / "checked" / f".{name.id}"
            with first.open("rb") as file:
                head = annotated(file.read(_PIECE), headers)
                write_whole(draft, chain([head], iter(lambda: file.read(_PIECE), b"")))
            draft.replace(first)
            os.link(first, place)
            self._placed[id_] = place
        self._ended.add(id_)
        event = "SENT" if place.parent.name == "sent" else "FAILED"
        words = (
            (event, str(place), message_id)
            if message_id and event == "SENT"
            else (event, str(place))
        )
        return [_Call(id_, words, first)]

    def _place_of(self, id_: str, first: Path) -> Path | None:
        """Where a file has its second name, which this run or an earlier one gave it."""
        if id_ in self._placed:
            return self._placed[id_]
        if self._places is None:
            self._places = {
                path.stat().st_ino: path
                for folder in ("sent", "failed")
                for path in (self._root / folder).iterdir()
            }
        return self._places.get(first.stat().st_ino)

    def _report(self, said: _Said, happening: Happening, message_id: str) -> list[_Call]:
        at = happening.at
        headers = [("From", said.to), ("Sent", moment(at)), ("Received", moment(at))]
        headers += [("Subject", said.link), ("Modem", said.link), ("Report", "yes")]
        place = self._root / "incoming" / f"{said.link or 'smppd'}.{said.id}-{happening.seq}"
        write_whole(place, report(headers, said.state, message_id, at))
        return [_Call(said.id, ("REPORT", str(place)))]

    def _receive(self, said: _Said, at: float) -> list[_Call]:
        letter = said.letter
        headers = [("From", said.from_), ("To", said.to), ("Sent", moment(at))]
        headers += [("Received", moment(at)), ("Subject", said.link), ("Modem", said.link)]
        headers += [("Report", "no")]
        octets = None
        if letter.kind == "unreadable" or letter.data_coding in _BINARY:
            octets = bytes.fromhex(letter.data)
            headers.append(("UDH", "false"))
        place = self._root / "incoming" / f"{said.link or 'smppd'}.{Path(said.name).stem}"
        write_whole(place, received(headers, said.text, octets, utf8=self._utf8))
        return [_Call(said.name, ("RECEIVED", str(place)))]

    def _clear(self, calls: Sequence[_Call]) -> None:
        gone = [call for call in calls if call.first is not None]
        for call in gone:
            assert call.first is not None
            call.first.unlink(missing_ok=True)
            self._checked.pop(call.key, None)
            self._placed.pop(call.key, None)
        if gone:
            fsync_folder(self._root / "checked")

    def expect(self, name: CheckedName) -> None:
        """A file was taken into `checked/`."""
        self._checked[name.id] = name


def _failed(reason: str, at: float) -> list[tuple[str, str]]:
    return [("Failed", moment(at)), ("Fail_reason", reason)]
