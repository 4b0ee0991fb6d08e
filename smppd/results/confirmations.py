"""Confirmations of opt-outs and opt-ins: messages of ours, each handed in exactly once.

A draft is written into `received/optout/` before the change it confirms is in the journal, under a
name that says which one; after that it is renamed into `inbox/high/`, from where it goes the way
of every message. So after a crash a draft whose change the journal has is handed in, and any other
is removed: the handset's message is delivered again. An opt-out never fails for want of one.
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import msgspec
import trio

from smppd.events import Emit, OptOutUnconfirmed
from smppd.optout.roll import Change, OptOut, confirmation_id
from smppd.placing import free_name, fsync_folder, write_whole

#: A confirmation is of no use when it comes much later than what it confirms.
_EXPIRES = "1d"
_NAME = re.compile(r"optout-(stop|start)-([0-9]+)-([0-9a-f]*|every)-([0-9]+)\.json")
#: In the name of a draft: what ends for all senders.
_EVERY = "every"


class Confirmation(msgspec.Struct, frozen=True):
    """What is said for a change: from the number that was written to, over the link or account it
    came by (empty for whichever carries it); in a chat, if it came on a `platform` for these."""

    change: Change
    text: str
    sender: str
    link: str = ""
    platform: str = ""


class Confirmations:
    """The drafts below a spool's root. What the disk does not let us do is told to the operator."""

    def __init__(
        self,
        root: Path,
        emit: Emit,
        run_sync: Callable[..., Awaitable[Any]] = trio.to_thread.run_sync,
    ) -> None:
        self._emit = emit
        self._run_sync = run_sync
        self._drafts = root / "received" / "optout"
        self._inbox = root / "inbox" / "high"
        self._owed: list[str] = []

    def recover(self, is_news: Callable[[Change], bool]) -> None:
        """Hand in what the last run owed; `is_news`: whether a change has not been made. It blocks;
        OSError when the disk fails."""
        for draft in sorted(self._drafts.iterdir()):
            found = _NAME.fullmatch(draft.name)
            if found is not None and not is_news(_change(found)):
                self._owed.append(draft.name)
            else:
                draft.unlink()
        self._move([])

    async def draft(self, wanted: Sequence[Confirmation]) -> list[str]:
        """Put these on disk where nobody looks; their names, none where that cannot be."""
        try:
            names: list[str] = await self._run_sync(self._write, wanted)
        except OSError as error:
            self._tell(error)
            return []
        return names

    async def hand_in(self, drafts: Sequence[str]) -> None:
        """Hand these in; what cannot be now goes with the next."""
        try:
            await self._run_sync(self._move, drafts)
        except OSError as error:
            self._tell(error)

    def _tell(self, error: OSError) -> None:
        reason = f"{error.filename or 'the spool'}: {error.strerror}"
        self._emit(OptOutUnconfirmed(reason, "free space, or give the folder to the daemon"))

    def _write(self, wanted: Sequence[Confirmation]) -> list[str]:
        names = list[str]()
        for each in wanted:
            names.append(_name(each.change))
            write_whole(self._drafts / names[-1], _message(each))
        fsync_folder(self._drafts)
        return names

    def _move(self, drafts: Sequence[str]) -> None:
        self._owed.extend(drafts)
        if not self._owed:
            return
        for name in self._owed:
            with suppress(FileNotFoundError):
                (self._drafts / name).rename(free_name(self._inbox, name))
        fsync_folder(self._inbox)
        fsync_folder(self._drafts)
        self._owed.clear()


def _name(change: Change) -> str:
    what = "stop" if change.out else "start"
    sender = _EVERY if change.sender is None else change.sender.encode().hex()
    return f"optout-{what}-{change.number}-{sender}-{change.at}.json"


def _change(found: re.Match[str]) -> Change:
    sender = None if found[3] == _EVERY else bytes.fromhex(found[3]).decode(errors="replace")
    return Change(found[2], sender, int(found[4]), "", out=found[1] == "stop")


def _message(wanted: Confirmation) -> bytes:
    change = wanted.change
    entry = OptOut(change.number, change.sender or "", change.at, change.why)
    id_ = confirmation_id(entry) if change.out else f"optout-start{_name(change)[12:-5]}"
    content: dict[str, object] = {"id": id_, "expires": _EXPIRES}
    if wanted.platform:
        channel = {"platform": wanted.platform, "platformid": wanted.sender}
        said = {"destination": change.number, "message": wanted.text}
        content |= {"op": "chat.sendmessage", "args": channel | said}
    else:
        content |= {"to": f"+{change.number}", "text": wanted.text}
        if wanted.sender:
            content["from"] = wanted.sender
    if wanted.link:
        content["via"] = wanted.link
    return msgspec.json.encode(content) + b"\n"
