"""How long to wait before a session is opened again.

Pure: chance comes in as a number or a callable, lengths of time as arguments; knows no sockets, no
clock. Raises nothing. All times are seconds.
"""

from __future__ import annotations

from collections.abc import Callable

#: A session that was bound this long has held: the next loss starts from the shortest delay.
HELD = 30.0

#: Wrong credentials: another attempt soon gains nothing and may lock the account.
CREDENTIALS_MIN = 60.0
CREDENTIALS_MAX = 900.0

#: Already bound: about the time an SMSC takes to notice that the old session is dead. What only
#: people can put right is not tried more often either.
PERSISTENT_MIN = 30.0
PERSISTENT_MAX = 60.0

# 2.0 ** large overflows; 30 doublings exceed every sensible maximum.
_MOST_DOUBLINGS = 30


def credentials_delay(refused: int, chance: float) -> float:
    """The delay after wrong credentials that were refused so many times before."""
    delay = CREDENTIALS_MIN * 2.0 ** min(refused, _MOST_DOUBLINGS)
    return min(CREDENTIALS_MAX, delay * (1.0 + 0.1 * chance))


def persistent_delay(chance: float) -> float:
    """The delay after a refusal that will not be over in a few seconds."""
    return PERSISTENT_MIN + (PERSISTENT_MAX - PERSISTENT_MIN) * chance


class Backoff:
    """The delays of one session after losses: exponential with jitter.

    `chance` gives numbers in [0, 1).
    """

    __slots__ = ("_chance", "_losses", "_maximum", "_minimum")

    def __init__(self, minimum: float, maximum: float, chance: Callable[[], float]) -> None:
        self._minimum = minimum
        self._maximum = maximum
        self._chance = chance
        self._losses = 0

    def change(self, minimum: float, maximum: float) -> None:
        """Go by these from the next loss on."""
        self._minimum, self._maximum = minimum, maximum

    def lost(self, held: float) -> float:
        """The delay after a session that was bound for `held` seconds, 0 when it never was."""
        if held >= HELD:
            self._losses = 0
        doublings = min(self._losses + 1, _MOST_DOUBLINGS)
        ceiling = min(self._maximum, self._minimum * 2.0**doublings)
        self._losses += 1
        return max(self._minimum, ceiling * (0.5 + 0.5 * self._chance()))
