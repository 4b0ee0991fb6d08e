"""What an operator says of whole campaigns, over the control socket.

Raises `ControlRefused` for a campaign that is not there.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from smppd.control import Arguments, ControlRefused
from smppd.ledger.snapshot import FileAccount
from smppd.message import State
from smppd.pipeline.campaigns import Campaigns, names_of
from smppd.pipeline.desk import Desk

#: Campaigns that are named where there is none of the name asked for.
_NAMED_AT_MOST = 10
#: Characters of a reason that are kept.
_LONGEST_REASON = 500


class CampaignCommands:
    """Pauses, resumes and cancels every open file of a campaign, found by its name or the file's."""

    def __init__(self, desk: Desk, campaigns: Campaigns) -> None:
        self._desk = desk
        self._campaigns = campaigns

    async def pause(self, arguments: Arguments) -> dict[str, Any]:
        """Hold a campaign, for a reason."""
        who, reason = str(arguments["who"]), reason_of(arguments)
        return await self._each(
            arguments, "paused", lambda file: self._campaigns.pause(file, reason, who)
        )

    async def resume(self, arguments: Arguments) -> dict[str, Any]:
        """Let a campaign go on."""
        who = str(arguments["who"])
        return await self._each(
            arguments, "resumed", lambda file: self._campaigns.resume(file, who)
        )

    async def cancel(self, arguments: Arguments) -> dict[str, Any]:
        """Have nothing more of a campaign leave."""
        who = str(arguments["who"])
        return await self._each(
            arguments, "cancelled", lambda file: self._campaigns.cancel(file, who)
        )

    async def _each(
        self, arguments: Arguments, done: str, act: Callable[[FileAccount], bool]
    ) -> dict[str, Any]:
        name, changed, unchanged = str(arguments["campaign"]), list[Any](), list[Any]()
        files = self._campaigns.named(name)
        if not files:
            raise ControlRefused(self._none_of(name))
        for file in files:
            (changed if act(file) else unchanged).append(_told(file))
        await self._desk.commit()
        return {"campaign": name, done: changed, "unchanged": unchanged}

    def _none_of(self, name: str) -> str:
        files = [file for file in self._desk.accounts.files.values() if file.pending_or_open]
        names = names_of(files[-_NAMED_AT_MOST:])
        there = f"; open are {', '.join(names)}" if names else "; none is open"
        return f"no open campaign or file is called {name}{there}; what is over: smppd campaigns"


def reason_of(arguments: Arguments) -> str:
    """Why something is paused, in one line of moderate length, for `status` and the log."""
    words = "".join(c if c.isprintable() else " " for c in str(arguments.get("reason") or ""))
    return " ".join(words.split())[:_LONGEST_REASON] or "paused by hand"


def _told(file: FileAccount) -> dict[str, Any]:
    """What is said of a file that was meant."""
    return {
        "file": file.name,
        "campaign": file.campaign,
        "queued": file.states[State.QUEUED],
        "on_its_way": file.states[State.SENDING],
        "held": file.why_held,
        "cancelled": file.cancelled,
    }
