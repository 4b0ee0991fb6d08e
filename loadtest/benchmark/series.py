"""How cost grows: which number of a load is varied, from where to where. Pure data."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from benchmark.profiles import FULL, Profile, Smsc

#: So many messages a point has, where it is not their number that is varied: few enough that the journal's log
#: is not copied yet, which else falls into one run and not into the next.
MESSAGES = 25_000
#: So many are sent ahead, unmeasured: what is done once in a daemon's life is done by then.
AHEAD = 1_000


@dataclass(frozen=True, kw_only=True)
class Series:
    """`load` gives the load of a point. `ordinary` is the point that is the same load in all series, or
    nearly; the others are measured by it. `flat`: a message should cost the same at each point."""

    name: str
    title: str
    about: str
    points: Sequence[int]
    ordinary: int
    flat: bool
    load: Callable[[Profile, int], Profile]

    def profile(self, at: int, messages: int = MESSAGES) -> Profile:
        """The load of a point, of so many messages where their number is not what is varied. Raises
        ValueError where there can be no such point."""
        plain = Profile(
            name=f"{self.name} {at:,}",
            about=self.about,
            messages=messages,
            before=min(AHEAD, messages),
        )
        return self.load(plain, at)


def size(profile: Profile) -> int:
    """By which a point is long or short: its messages, or what goes ahead of them."""
    return max(profile.before, profile.messages)


def _waiting(plain: Profile, at: int) -> Profile:
    return replace(plain, messages=max(plain.messages, at), waiting=at)


def _parts(plain: Profile, at: int) -> Profile:
    if at not in FULL:
        raise ValueError(f"a text fills from 1 to {max(FULL)} parts")
    return replace(plain, text=FULL[at], messages=max(1, plain.messages // 5))


def _sessions(plain: Profile, at: int) -> Profile:
    """A receipt that comes on another session ahead of its answer, as no SMSC of the field has it come
    for every message, has to be parked, which would be most of what is seen here."""
    return replace(plain, sessions=at, smsc=Smsc(receipt_delay=0.2))


def _window(plain: Profile, at: int) -> Profile:
    """A narrow one is slow, and as telling with fewer messages."""
    messages, before = min(plain.messages, 2_000 * at), min(plain.before, 100 * at)
    return replace(plain, window=at, messages=messages, before=before)


_ALL = (
    Series(
        name="messages",
        title="Messages in a file",
        about="one file, in the bulk lane",
        points=(10_000, 100_000, 1_000_000, 10_000_000),
        ordinary=100_000,
        flat=True,
        load=lambda plain, at: replace(plain, messages=at),
    ),
    Series(
        name="history",
        title="Messages that the journal has already",
        about="another file on a journal that keeps what was sent before, by the same daemon",
        points=(1_000, 100_000, 1_000_000, 3_400_000),
        ordinary=1_000,
        flat=True,
        load=lambda plain, at: replace(plain, before=at),
    ),
    Series(
        name="queue",
        title="Messages queued when the sending begins",
        about="so many are in the journal before the first leaves, the rest comes while they do",
        points=(0, 1_000, 10_000, 100_000, 1_000_000),
        ordinary=0,
        flat=True,
        load=_waiting,
    ),
    Series(
        name="window",
        title="Window",
        about="submits without an answer, of one session",
        points=(1, 3, 10, 30, 100, 300, 1_000),
        ordinary=100,
        flat=False,
        load=_window,
    ),
    Series(
        name="sessions",
        title="Sessions of a link",
        about="each with a window of 100; receipts come a fifth of a second after their answers",
        points=(1, 2, 4, 8, 16),
        ordinary=1,
        flat=True,
        load=_sessions,
    ),
    Series(
        name="links",
        title="Links of a route",
        about="each with one session and a window of 100, all for the same messages",
        points=(1, 2, 4, 8),
        ordinary=1,
        flat=True,
        load=lambda plain, at: replace(plain, links=at),
    ),
    Series(
        name="parts",
        title="Parts of a message",
        about="texts that fill so many",
        points=(1, 2, 3, 4, 6, 8, 10),
        ordinary=1,
        flat=False,
        load=_parts,
    ),
)
SERIES = {series.name: series for series in _ALL}
