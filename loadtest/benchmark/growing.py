"""Measures the points of series, in rounds: `bench.py grow`."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from typing import NamedTuple

from benchmark.figures import BY_KEY, shown
from benchmark.growth import KEYS, Growth, Point
from benchmark.history import History
from benchmark.profiles import Profile
from benchmark.results import add_up
from benchmark.running import observe
from benchmark.series import SERIES, Series, size
from benchmark.setting import BenchError, Setting

#: A point of more messages is measured in the first round only: it is long enough by itself.
LONG = 300_000


class Chosen(NamedTuple):
    """A series, and which loads of it are run, by their points."""

    series: Series
    loads: dict[int, Profile]


def choose(words: Sequence[str], up_to: int, messages: int) -> list[Chosen]:
    """What is meant by SERIES and SERIES:POINT,POINT; all series without any. Where no points are named,
    those of up to so many messages. `messages`: of a point, where another number is varied. Raises
    BenchError."""
    return [_chosen(word, up_to, messages) for word in words or SERIES]


def _chosen(word: str, up_to: int, messages: int) -> Chosen:
    name, colon, listed = word.partition(":")
    series = SERIES.get(name)
    if series is None:
        raise BenchError(f"there is no series {name!r}; there are {', '.join(SERIES)}")
    points = _numbers(word, listed) if colon else series.points
    try:
        loads = {at: series.profile(at, messages) for at in points}
    except ValueError as error:
        raise BenchError(f"{word} has a point that cannot be: {error}; write {name}:N,N") from None
    if not colon:
        loads = {at: load for at, load in loads.items() if size(load) <= up_to}
    if not loads:
        raise BenchError(f"{name} has no point of up to {up_to:,} messages; name some, {name}:N,N")
    return Chosen(series, loads)


def _numbers(word: str, listed: str) -> list[int]:
    name, found = word.partition(":")[0], listed.split(",")
    for each in found:
        if not (each.isascii() and each.isdigit()):
            raise BenchError(
                f"{word} has a point that cannot be: {each!r} is no number; write {name}:N,N"
            )
    return [int(each) for each in found]


def grow(
    chosen: Sequence[Chosen],
    rounds: int,
    setting: Setting,
    done: Callable[[list[Growth]], None],
) -> list[Growth]:
    """Run each point in each round, long ones in the first; `done` is called after each point, so that
    what takes long and breaks off is not lost. Raises BenchError."""
    growths = [_begun(each.series) for each in chosen]
    for turn in range(rounds):
        for each, growth in zip(chosen, growths, strict=True):
            for at, profile in each.loads.items():
                if turn and size(profile) > LONG:
                    continue
                said = _run(growth, at, profile, setting)
                which = f"round {turn + 1} of {rounds}: " if rounds > 1 else ""
                print(f"{which}{profile.name}: {said}", file=sys.stderr, flush=True)
                done(growths)
    return growths


def _begun(series: Series) -> Growth:
    return Growth(
        series=series.name,
        title=series.title,
        about=series.about,
        ordinary=series.ordinary,
        flat=series.flat,
    )


def _run(growth: Growth, at: int, profile: Profile, setting: Setting) -> str:
    """Add what a run came to; it in a few words."""
    observed = observe(profile, setting)
    figures = add_up(profile, observed, History()).figures
    point = growth.point(at)
    if point is None:
        point = Point(at=at, messages=observed.messages, medium=observed.medium)
        growth.points.append(point)
    point.runs.append({key: figures[key] for key in KEYS if key in figures})
    return ", ".join(shown(BY_KEY[key], figures.get(key)) for key in ("daemon_cpu", "rate", "rss"))
