"""The caller of an account: one call after another through its turnstile, counted and noted down.

What the provider does is a value; what is raised is a fault of the program, or a cancellation.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from random import SystemRandom
from typing import Protocol

import trio

from smppd.config import AccountConfig, Mistake, read_secret
from smppd.events import AccountReachable, AccountUnreachable, Emit
from smppd.figures import AccountFigures
from smppd.httpapi.pacing import Pace, Reach
from smppd.httpapi.record import note_of
from smppd.httpapi.turnstile import Turnstile
from smppd.ports import ApiCall
from smppd.provider.answers import Answer, Failure, NoAnswer, outcome_name, stops_account
from smppd.provider.operation import Operation, Value

#: So many outcomes are told apart in the figures.
MOST_OUTCOMES, OTHER = 100, "other"
#: What is said of a call whose end was not waited for.
GIVEN_UP = "smppd did not wait for the answer: it stops, or the account was removed"
#: What an operator can do about a provider that does not answer.
HINT = "check the account's url and the network; calls wait until it answers, SMPP goes on"


class Client(Protocol):
    """Speaks to one provider with the credentials of one account."""

    async def call(self, operation: Operation, params: Mapping[str, Value]) -> Answer:
        """Do this once, and say what came of it."""

    def renew(self, secret: str) -> None:
        """Use this password or token from the next call on."""

    async def aclose(self) -> None:
        """Close its connections."""


@dataclass(frozen=True, slots=True)
class Around:
    """What an account stands on: who hears what happened, the time for people (epoch seconds),
    whether the log of calls keeps content, chance, numbers in [0, 1), and where its password or
    token is read again."""

    emit: Emit
    wall: Callable[[], float]
    log_content: bool = False
    chance: Callable[[], float] = SystemRandom().random
    secret_of: Callable[[AccountConfig], str | Mistake] = read_secret


class Caller:
    """Makes the calls of one account. `noted` are those not written down yet, `given_up` is what
    is said of one whose end was not waited for."""

    def __init__(self, config: AccountConfig, client: Client, around: Around) -> None:
        self._config = config
        self._client = client
        self._around = around
        #: Whether the last answer was that the account must be put right.
        self._refused = False
        self.name = config.name
        self.pace = Pace(config.rate)
        self.turnstile = Turnstile(config.connections, self.pace)
        self.reach = Reach()
        self.noted: list[ApiCall] = []
        self.given_up = GIVEN_UP
        self.figures = AccountFigures(
            config.name, url=config.url, connections=config.connections, rate=config.rate
        )
        #: What is under way, and over which client.
        self._under_way: dict[trio.CancelScope, Client] = {}
        self._replaced: list[Client] = []
        #: How often it was changed: an answer to the account as it was says nothing of what it is.
        self._edition = 0

    def change(self, config: AccountConfig, client: Client) -> None:
        """Go by this from the next call on. What is under way ends as it was begun."""
        now = trio.current_time()
        self.pace.change(config.rate, now)
        self.turnstile.change(config.connections)
        figures = self.figures
        figures.url, figures.connections, figures.rate = config.url, config.connections, config.rate
        self._replaced.append(self._client)
        self._config, self._client, self._refused = config, client, False
        self._edition += 1
        self.reach.try_again()

    def renew(self, secret: str) -> None:
        """Use this password or token from the next call on."""
        self._client.renew(secret)
        self._refused = False
        self._edition += 1

    def take_idle(self) -> list[Client]:
        """Clients that were replaced and have nothing under way any more: somebody is to close them."""
        used = set(map(id, self._under_way.values()))
        idle = [client for client in self._replaced if id(client) not in used]
        self._replaced = [client for client in self._replaced if id(client) in used]
        return idle

    async def call(self, operation: Operation, params: Mapping[str, Value]) -> Answer:
        """Make one call for somebody who has entered the turnstile, and leave it."""
        at, began = self._around.wall(), trio.current_time()
        answer: Answer = NoAnswer(self.given_up, sent=True)
        client, edition = self._client, self._edition
        with trio.CancelScope() as scope:
            self._under_way[scope] = client
            try:
                answer = self._renewed() or await client.call(operation, params)
                if edition == self._edition:
                    self._learn(answer)
            finally:
                del self._under_way[scope]
                self.turnstile.leave()
                seconds = trio.current_time() - began
                self._count(answer, seconds)
                note = note_of(operation, params, answer, log_content=self._around.log_content)
                self.noted.append(ApiCall(at, self.name, operation.name, *note, seconds))
        if edition != self._edition and isinstance(answer, Failure) and stops_account(answer.code):
            # It speaks of the account as it was, and did nothing.
            return NoAnswer(f"{answer.code}, of an account that was changed meanwhile", sent=False)
        return answer

    @property
    def busy(self) -> bool:
        """Whether a call is under way, and not noted yet."""
        return bool(self._under_way)

    def give_up(self) -> None:
        """Wait no longer for what is under way: each of those calls ends without an answer."""
        for scope in self._under_way:
            scope.cancel()

    async def aclose(self) -> None:
        """Close what its clients hold."""
        for client in (*self._replaced, self._client):
            await client.aclose()

    def _renewed(self) -> NoAnswer | None:
        """Where the account was refused, its secret may have been put right since: read it again.
        Why there is none, in place of an answer: the provider is not asked with what it refused."""
        if not self._refused:
            return None
        found = self._around.secret_of(self._config)
        if isinstance(found, Mistake):
            return NoAnswer(str(found), sent=False)
        if found:
            self._client.renew(found)
        return None

    def _count(self, answer: Answer, seconds: float) -> None:
        name, figures = outcome_name(answer), self.figures
        if name not in figures.outcomes and len(figures.outcomes) >= MOST_OUTCOMES:
            name = OTHER  # a provider may answer anything
        figures.outcomes[name] = figures.outcomes.get(name, 0) + 1
        figures.seconds.observe(seconds)
        if isinstance(answer, NoAnswer):
            figures.last_error = answer.reason

    def _learn(self, answer: Answer) -> None:
        """Whether the provider answers, as it is now known."""
        reach, now = self.reach, self._around.wall()
        since = self.figures.unreachable_since
        if not isinstance(answer, NoAnswer):
            self._refused = isinstance(answer, Failure) and stops_account(answer.code)
            if reach.answered() and since is not None:
                self.figures.unreachable_since = None
                self._around.emit(AccountReachable(self.name, max(0.0, now - since)))
            return
        chance = self._around.chance()
        if reach.silent(trio.current_time(), sent=answer.sent, chance=chance):
            self.figures.unreachable_since = now
            retry_in = reach.until - trio.current_time()
            self._around.emit(AccountUnreachable(self.name, answer.reason, HINT, retry_in))
