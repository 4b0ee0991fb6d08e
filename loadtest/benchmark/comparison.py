"""Two reports beside each other: the ratio of each figure, and what got better or worse. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, NamedTuple

from benchmark.document import Document
from benchmark.figures import FIGURES, HOLDS, Figure, Value, shown
from benchmark.results import Run

#: A figure that changed by less is the same: runs of one program differ as much.
NOISE = 0.1
#: The tails of what is timed differ by so many times as much from run to run.
TAILS = {"_p99": 3.0, "_p999": 5.0}
#: What is timed differs by as many seconds anyway.
INSTANT = 0.0005
#: Where as many singles come as it takes, their number differs by less than this share.
ABOUT = 0.01

Verdict = Literal["better", "worse", "same", ""]


class Change(NamedTuple):
    """One figure before and after; `ratio` is after by before, None where there is none."""

    figure: Figure
    before: Value
    after: Value
    ratio: float | None
    verdict: Verdict


class Compared(NamedTuple):
    """One profile of both; `remarks` say what makes the two no equals."""

    profile: str
    changes: list[Change]
    remarks: list[str]


def compare(before: Document, after: Document, noise: float = NOISE) -> list[Compared]:
    """The profiles that are in both, in the order of the first."""
    others = {run.profile: run for run in after.runs}
    return [
        Compared(
            run.profile,
            _changes(run, others[run.profile], noise),
            _remarks(before, after, run, others[run.profile]),
        )
        for run in before.runs
        if run.profile in others
    ]


def only_in_one(before: Document, after: Document) -> list[str]:
    """The profiles that are not in both."""
    first, second = ({run.profile for run in each.runs} for each in (before, after))
    return sorted(first ^ second)


def _changes(before: Run, after: Run, noise: float) -> list[Change]:
    return [
        _change(figure, before.figures.get(figure.key), after.figures.get(figure.key), noise)
        for figure in FIGURES
        if figure.key in before.figures or figure.key in after.figures
    ]


def _change(figure: Figure, before: Value, after: Value, noise: float) -> Change:
    if not isinstance(before, int | float) or not isinstance(after, int | float):
        broke = figure.key == "audit" and before == HOLDS and after not in (HOLDS, None)
        return Change(figure, before, after, None, "worse" if broke else "")
    ratio = after / before if before else None
    return Change(figure, before, after, ratio, verdict(figure, before, after, noise))


def verdict(figure: Figure, before: float, after: float, noise: float) -> Verdict:
    """Whether a figure got better. `noise` as a share; see TAILS and INSTANT."""
    if not figure.better:
        return ""
    tail = TAILS.get(f"_{figure.key.rpartition('_')[2]}", 1.0)
    instant = INSTANT if figure.unit == "s" else 0.0
    if abs(after - before) <= max(noise * tail * abs(before), instant):
        return "same"
    return "better" if (after > before) == (figure.better == "more") else "worse"


def _remarks(before: Document, after: Document, one: Run, other: Run) -> list[str]:
    found = [
        f"{name}: {ours} before, {other.settings.get(name)} after"
        for name, ours in one.settings.items()
        if other.settings.get(name) != ours
    ]
    found += [
        f"another machine: {name} {ours} before, {after.machine.get(name)} after"
        for name, ours in before.machine.items()
        if after.machine.get(name) != ours
    ]
    ours, theirs = (run.figures.get("messages") for run in (one, other))
    if not isinstance(ours, int | float) or not isinstance(theirs, int | float):
        found.append("one of them does not say how many messages it had")
    elif abs(ours - theirs) > ABOUT * ours:
        found.append("not the same number of messages")
    found += [
        f"{when} time was up before everything had its result"
        for when, run in (("before,", one), ("after,", other))
        if not run.complete
    ]
    return found


def summary(found: Sequence[Compared]) -> list[str]:
    """In a few lines, by profile: what got better and what got worse."""
    told = []
    for compared in found:
        for word in ("better", "worse"):
            named = [
                f"{each.figure.title} {_step(each)}"
                for each in compared.changes
                if each.verdict == word
            ]
            if named:
                told.append(f"{compared.profile}, {word}: {'; '.join(named)}")
    return told or ["nothing got better or worse"]


def _step(change: Change) -> str:
    if change.ratio is not None:
        return f"x {change.ratio:.2f}"
    return "from 0" if change.before == 0 else f"holds no longer: {change.after}"


def lines(compared: Compared) -> list[str]:
    """For people, a line for each figure."""
    found = [f"{compared.profile}", *(f"  ! {remark}" for remark in compared.remarks)]
    for change in compared.changes:
        before, after = shown(change.figure, change.before), shown(change.figure, change.after)
        ratio = "" if change.ratio is None else f"{change.ratio:.2f}"
        found.append(
            f"  {change.figure.title:<40}{before:>16}{after:>16}{ratio:>8}  {change.verdict}".rstrip()
        )
    return found
