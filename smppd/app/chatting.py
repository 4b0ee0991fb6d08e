"""What receives from chats, built: each configured channel over its account."""

from __future__ import annotations

from collections.abc import Mapping

from smppd.codes import account_cure
from smppd.config import Config
from smppd.events import Emit
from smppd.httpapi.account import Account
from smppd.httpapi.chat import ChannelPoll, ChatPolling, Keeping, PollTerms
from smppd.pipeline.desk import Desk
from smppd.pipeline.refusals import OURSELVES, Refusals
from smppd.ports import PolledChannel
from smppd.provider.answers import Answer, Failure
from smppd.provider.operation import Operation, Value


class PolledAccount:
    """An account as polling sees it: nothing is asked over it while it is paused, and an answer
    that speaks of the account pauses it, so that a wrong password is not tried for ever."""

    def __init__(self, account: Account, desk: Desk, refusals: Refusals) -> None:
        self._account = account
        self._desk = desk
        self._refusals = refusals

    @property
    def name(self) -> str:
        """See `httpapi.channel_calls.ChatAccount`."""
        return self._account.name

    @property
    def paused(self) -> bool:
        """See `httpapi.channel_calls.ChatAccount`."""
        return self.name in self._desk.accounts.paused

    async def call(self, operation: Operation, params: Mapping[str, Value]) -> Answer:
        """See `httpapi.channel_calls.ChatAccount`."""
        answer = await self._account.call(operation, params)
        if isinstance(answer, Failure):
            cure = account_cure(answer.code, self.name)
            if cure is not None:
                reason = f"{operation.name} was refused with {answer.code}: {cure}"
                self._refusals.pause(self.name, reason, OURSELVES)
                await self._desk.commit()
        return answer


def chat_polling(
    config: Config,
    accounts: Mapping[str, Account],
    keeping: Keeping,
    emit: Emit,
    desk: Desk,
    refusals: Refusals,
) -> ChatPolling:
    """Everything that is polled, by the section `[chat]`; nothing without one."""
    section = config.chat
    if section is None:
        return ChatPolling([])
    name = config.chat_account
    account = PolledAccount(accounts[name], desk, refusals)
    terms = PollTerms(section.poll_interval, section.reread)
    return ChatPolling(
        [
            ChannelPoll(account, PolledChannel(name, *each), terms, keeping, emit, desk.wall)
            for each in section.channels
        ]
    )
