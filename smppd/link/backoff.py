"""How long to wait before a session is opened again, and what cures a refused bind.

Pure: chance comes in as a callable, lengths of time as arguments; knows no sockets, no clock.
Raises nothing. All times are seconds.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType

from smppd.smpp.vocabulary import CommandStatus

#: A session that was bound this long has held: the next loss starts from the shortest delay.
HELD = 30.0

#: Wrong credentials: another attempt soon gains nothing and may lock the account.
CREDENTIALS_MIN = 60.0
CREDENTIALS_MAX = 900.0

#: Already bound: about the time an SMSC takes to notice that the old session is dead.
ALREADY_BOUND_MIN = 30.0
ALREADY_BOUND_MAX = 60.0

CREDENTIALS = frozenset(
    {
        CommandStatus.ESME_RBINDFAIL,
        CommandStatus.ESME_RINVPASWD,
        CommandStatus.ESME_RINVSYSID,
        CommandStatus.ESME_RINVSYSTYP,
    }
)

_HINTS: Mapping[int, str] = MappingProxyType(
    {
        CommandStatus.ESME_RBINDFAIL: (
            "check system_id, system_type and the password, and whether `sessions` is more than"
            " the account allows"
        ),
        CommandStatus.ESME_RINVPASWD: "wrong password: correct password_file or password_env",
        CommandStatus.ESME_RINVSYSID: "unknown system_id: correct system_id",
        CommandStatus.ESME_RINVSYSTYP: "wrong system_type: correct system_type",
        CommandStatus.ESME_RALYBND: (
            "already bound: another client uses this account, an earlier session is still open"
            " there, or `sessions` is more than the account allows"
        ),
        CommandStatus.ESME_RINVCMDID: (
            "this kind of bind is not allowed here: correct bind, host or port"
        ),
        CommandStatus.ESME_RINVBNDSTS: (
            "this kind of bind is not allowed here: correct bind, host or port"
        ),
        CommandStatus.ESME_RTHROTTLED: "too many binds or messages: nothing to do but wait",
        CommandStatus.ESME_RSYSERR: "the SMSC has a fault of its own: nothing to do but wait",
    }
)


def bind_hint(status: int) -> str:
    """The cure for a bind refused with this command_status."""
    return _HINTS.get(status, "ask the provider what this status means for a bind")


class Backoff:
    """The delays of one session: exponential with jitter, apart for losses and credentials.

    `chance` gives numbers in [0, 1).
    """

    __slots__ = ("_chance", "_losses", "_maximum", "_minimum", "_wrong")

    def __init__(self, minimum: float, maximum: float, chance: Callable[[], float]) -> None:
        self._minimum = minimum
        self._maximum = maximum
        self._chance = chance
        self._losses = 0
        self._wrong = 0

    def bound(self) -> None:
        """A bind was accepted: whatever was wrong with the credentials is cured."""
        self._wrong = 0

    def lost(self, held: float) -> float:
        """The delay after a session that was bound for `held` seconds, 0 when it never was."""
        if held >= HELD:
            self._losses = 0
        # 2.0 ** large overflows; 30 doublings exceed every sensible maximum.
        ceiling = min(self._maximum, self._minimum * 2.0 ** min(self._losses + 1, 30))
        self._losses += 1
        return max(self._minimum, ceiling * (0.5 + 0.5 * self._chance()))

    def refused(self, status: int) -> float:
        """The delay after a bind that was refused with this command_status."""
        if status in CREDENTIALS:
            delay = min(CREDENTIALS_MAX, CREDENTIALS_MIN * 2.0 ** min(self._wrong, 30))
            self._wrong += 1
            return min(CREDENTIALS_MAX, delay * (1.0 + 0.1 * self._chance()))
        if status == CommandStatus.ESME_RALYBND:
            spread = ALREADY_BOUND_MAX - ALREADY_BOUND_MIN
            return ALREADY_BOUND_MIN + spread * self._chance()
        return self.lost(0.0)
