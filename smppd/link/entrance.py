"""What the sessions of one link share on their way in: which host is in turn, and one caution.

An account is locked by too many wrong passwords. So while no session of a link is bound they try
one after another, and when the SMSC refuses the credentials they all wait: ten sessions make no
more attempts than one would. As soon as one is bound the others follow at once.
Knows trio's clock, no sockets. Raises nothing.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from math import inf

import trio

from smppd.config import Address
from smppd.link.backoff import credentials_delay
from smppd.link.refusals import NO_OVERRIDES, Overrides, bind_class, wants_operator
from smppd.statuses import Binding

#: An SMSC that has not said yes or no for so long, in seconds, is silent; another may try, too.
PATIENCE = 10.0


class Entrance:
    """One for each link; sessions are told apart by any hashable `who`. `overrides` are the
    link's own classes of refused binds."""

    def __init__(
        self,
        hosts: Sequence[Address],
        chance: Callable[[], float],
        overrides: Overrides = NO_OVERRIDES,
    ) -> None:
        self.chance = chance
        self._overrides = overrides
        self._hosts = list(hosts)
        self._bound: set[object] = set()
        self._trying: object = None
        self._trying_until = -inf
        self._shut_until = -inf
        self._wrong: Counter[object] = Counter()
        self._refusals: Counter[tuple[object, Binding]] = Counter()
        self._told: set[tuple[str, Binding]] = set()
        self._said: set[str] = set()
        self._queue = trio.lowlevel.ParkingLot()

    def change(self, overrides: Overrides) -> None:
        """Other classes of refused binds from now on."""
        self._overrides = overrides

    # ── which host ───────────────────────────────────────────────────────────────────────────

    def hosts(self) -> list[Address]:
        """All hosts, the one in turn first."""
        return list(self._hosts)

    def pass_over(self, host: Address) -> None:
        """This host was of no use: if it is in turn, the next one is."""
        if self._hosts[0] == host:
            self._hosts.append(self._hosts.pop(0))

    # ── who may try ──────────────────────────────────────────────────────────────────────────

    async def enter(self, who: object) -> None:
        """Return when this session may try to bind; it must `leave` in the end."""
        await trio.lowlevel.checkpoint()
        while (wait_until := self._wait_until()) > trio.current_time():
            with trio.move_on_at(wait_until):
                await self._queue.park()
        self._trying = who
        self._trying_until = trio.current_time() + PATIENCE

    @property
    def open(self) -> bool:
        """Whether `enter` would not wait."""
        return self._wait_until() <= trio.current_time()

    def _wait_until(self) -> float:
        nobody_tries = self._bound or self._trying is None
        return self._shut_until if nobody_tries else max(self._shut_until, self._trying_until)

    def leave(self, who: object) -> None:
        """This session is neither trying nor bound any more."""
        self._bound.discard(who)
        if self._trying == who:
            self._trying = None
        self._queue.unpark_all()

    def accepted(self, who: object, bind: str) -> None:
        """This session is bound, as a bind of this kind: the account is let in."""
        self._bound.add(who)
        self._trying = None
        self._shut_until = -inf
        self._wrong.clear()
        self._told = {each for each in self._told if each[0] != bind}
        for refused in Binding:
            del self._refusals[who, refused]
        self._queue.unpark_all()

    def wrong_credentials(self, who: object) -> float:
        """The SMSC refused the credentials: the delay in seconds, of the whole link unless a
        session of it is bound, for then it is not the password."""
        for_whom = who if self._bound else None
        delay = credentials_delay(self._wrong[for_whom], self.chance())
        self._wrong[for_whom] += 1
        if for_whom is None:
            self._shut_until = trio.current_time() + delay
        return delay

    def is_new(self, remark: str) -> bool:
        """Whether no session of the link has made this remark yet."""
        new = remark not in self._said
        self._said.add(remark)
        return new

    def wants_operator(self, who: object, bind: str, status: int) -> bool:
        """Whether an operator must hear of this refusal of such a bind: once for all sessions,
        until one is accepted."""
        refused = bind_class(status, self._overrides)
        self._refusals[who, refused] += 1
        if (bind, refused) in self._told or not wants_operator(
            status, self._refusals[who, refused], self._overrides
        ):
            return False
        self._told.add((bind, refused))
        return True
