"""What an operator tells the running daemon to do, over the control socket.

Each command takes its arguments as JSON gave them and returns what is to be printed. Raises
`ControlRefused` for what cannot be meant.
"""

from __future__ import annotations

from collections.abc import Callable

import msgspec
import trio

from smppd.app.parts import Parts
from smppd.app.steering import CampaignCommands, reason_of
from smppd.app.tracing import TraceCommand
from smppd.control import Arguments, Command, ControlRefused
from smppd.direct import Asked, Told, told, understand
from smppd.events import Cancelled, Emit, OptOutsChanged, Requeued
from smppd.optout.roll import Change, is_listable
from smppd.pipeline.cancellation import Wanted


class Commands:
    """The commands that change something. `who` is the operator, for the journal and the log."""

    def __init__(self, parts: Parts, emit: Emit) -> None:
        self._parts = parts
        self._accounts = parts.ledger.accounts
        self._emit = emit
        self._campaigns = CampaignCommands(parts.desk, parts.campaigns)

    def by_name(self) -> dict[str, Command]:
        """Each under the name that it is called by."""
        return {
            "requeue": self._requeue,
            "cancel": self._cancel,
            "pause": self._pause,
            "resume": self._resume,
            "api": self._api,
            "optout": self._optout,
            "trace": TraceCommand(self._parts),
        }

    async def _requeue(self, arguments: Arguments) -> Arguments:
        """Requeue these msg_ids, or with "all" every message held as unknown."""
        held = self._accounts.held
        wanted = list(held) if arguments.get("all") else [int(n) for n in arguments["msg_ids"]]
        who = str(arguments["who"])
        done = await self._parts.desk.requeue(wanted, who)
        if done:
            self._emit(Requeued(len(done), who))
        return {"requeued": len(done), "not_unknown": len(wanted) - len(done)}

    async def _cancel(self, arguments: Arguments) -> Arguments:
        """Cancel "messages" (msg_id, receipt keys), giving SMSCs "patience" seconds to answer; or
        a "campaign"."""
        if "campaign" in arguments:
            return await self._campaigns.cancel(arguments)
        wanted = msgspec.convert(arguments["messages"], list[Wanted])
        who, patience = str(arguments["who"]), float(arguments["patience"])
        fates = await self._parts.cancellation.cancel(wanted, who, patience)
        if done := sum(fate.cancelled for fate in fates):
            self._emit(Cancelled(done, who))
        return {"messages": fates}

    async def _pause(self, arguments: Arguments) -> Arguments:
        """Pause these links, or with "all" every one; or a "campaign"."""
        if "campaign" in arguments:
            return await self._campaigns.pause(arguments)
        reason = reason_of(arguments)
        pause = self._parts.refusals.pause
        return await self._each_link(
            arguments, "paused", lambda link, who: pause(link, reason, who)
        )

    async def _resume(self, arguments: Arguments) -> Arguments:
        """Resume these links, or with "all" every one that is paused; or a "campaign"."""
        if "campaign" in arguments:
            return await self._campaigns.resume(arguments)
        return await self._each_link(arguments, "resumed", self._parts.refusals.resume)

    async def _api(self, arguments: Arguments) -> Told:
        """Make one call of the provider's HTTP API, in its turn beside all others."""
        try:
            asked = msgspec.convert(arguments, Asked)
        except msgspec.ValidationError as mistake:
            raise ControlRefused(f"api cannot be meant so: {mistake}") from None
        # A list of contacts may be long, and traffic does not wait until it is checked.
        wanted = await trio.to_thread.run_sync(understand, self._parts.config, asked)
        if isinstance(wanted, str):
            raise ControlRefused(wanted)
        account = self._parts.accounts.get(wanted.account.name)
        if account is None:
            raise ControlRefused(f"{wanted.account.name} has just gone from the configuration")
        return told(account.name, await account.call(wanted.operation, wanted.params))

    async def _optout(self, arguments: Arguments) -> Arguments:
        """Make these changes of the opt-out list."""
        try:
            changes = msgspec.convert(arguments["changes"], list[Change])
        except msgspec.ValidationError as mistake:
            raise ControlRefused(f"optout cannot be meant so: {mistake}") from None
        if not all(is_listable(change.number) for change in changes):
            raise ControlRefused("optout takes numbers as digits with their country code")
        figures = self._parts.opt_outs.figures
        added, removed = figures.added, figures.removed
        done = await self._parts.opt_outs.change(changes)
        if done:
            told = figures.added - added, figures.removed - removed
            self._emit(OptOutsChanged(*told, str(arguments["who"])))
        return {"changed": done}

    async def _each_link(
        self, arguments: Arguments, done: str, act: Callable[[str, str], bool]
    ) -> Arguments:
        who, changed, unchanged = str(arguments["who"]), list[str](), list[str]()
        for name in self._chosen_links(arguments):
            (changed if act(name, who) else unchanged).append(name)
        await self._parts.desk.commit()
        return {done: changed, "unchanged": unchanged}

    def _chosen_links(self, arguments: Arguments) -> list[str]:
        """The links and accounts that a command names; one that is not configured any more may be
        paused."""
        links = [link.name for link in self._parts.links]
        known = dict.fromkeys([*links, *self._parts.accounts, *self._accounts.paused])
        if arguments.get("all"):
            return list(known)
        chosen = [str(name) for name in arguments["links"]]
        for name in chosen:
            if name not in known:
                what = "link or account" if self._parts.accounts else "link"
                raise ControlRefused(f"there is no {what} {name}; there are {', '.join(known)}")
        return chosen
