"""What a run came to: its figures and curves, made from what was observed. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

import msgspec

from benchmark.figures import Value, amiss
from benchmark.history import History
from benchmark.profiles import PARTS, Profile
from benchmark.sampling import EVERY, Sample
from benchmark.statistics import (
    Curve,
    between,
    bucket_quantile,
    mean_per_step,
    per_step,
    quantile,
    quantiles_per_step,
    step_for,
)

#: Who uses more of a core than this is what limits.
BUSY = 0.85
#: So long a link may take to find the pace that an SMSC allows, in seconds.
SETTLED_AFTER = 10.0
#: Quantiles of what is timed, by their names.
_HALF_AND_TAIL = (("p50", 0.5), ("p99", 0.99))


@dataclass
class Observed:
    """What was seen of a run. Moments are epoch seconds, CPU is seconds, memory octets; `tally` and
    `smsc_cpu` are None where the SMSC is not ours. `before` messages went ahead: they are in `states`,
    in `tally` and in the `journal` (octets, in the end), and in nothing else."""

    samples: list[Sample]
    handed: dict[int, float]
    messages: int
    began: float
    ended: float
    complete: bool
    daemon_cpu: float
    smsc_cpu: float | None
    rss: int
    written: int
    wrote: int
    journal: int
    medium: str
    tally: dict[str, int] | None
    states: dict[str, int]
    load_before: float
    audit: str
    before: int = 0
    strays: int = 0
    making: float | None = None
    arrivals: dict[str, float] = field(default_factory=dict)


class Baseline(msgspec.Struct, kw_only=True):
    """What a plain client came to; `left_out` says why it was not run."""

    name: str
    messages: int = 0
    seconds: float = 0.0
    rate: float | None = None
    cpu: float | None = None
    delivered: int = 0
    left_out: str = ""


class Run(msgspec.Struct, kw_only=True):
    """One profile, run once. `curves` have a point for each `step` seconds."""

    profile: str
    about: str
    settings: dict[str, Value]
    complete: bool
    figures: dict[str, Value]
    states: dict[str, int]
    left_out: dict[str, str]
    step: float
    curves: dict[str, Curve]
    baselines: list[Baseline] = []


def faults(run: Run) -> list[str]:
    """What went wrong, for people."""
    found = amiss(run.figures.get, (run.figures["audit"],))
    if not run.complete:
        found.append("time was up before everything had its result")
    return found


def add_up(profile: Profile, observed: Observed, history: History) -> Run:
    """The figures and curves."""
    seconds = max(observed.ended - observed.began, 1e-3)
    step = step_for(seconds, EVERY)
    left_out = {}
    if observed.tally is None:
        why = "the SMSC is not ours: its own count and CPU are not known"
        left_out = dict.fromkeys(("smsc_cpu", "smsc_load", "lost", "twice"), why)
        if "high" in history.answers:
            left_out["high_submit_p50"] = "the SMSC is not ours: when a submit_sm came is not known"
    figures = {
        **_rates(observed, history, seconds),
        **_costs(observed, seconds),
        **_latencies(history),
        **_histograms(observed.samples),
        **_fates(profile, observed, history),
    }
    return Run(
        profile=profile.name,
        about=profile.about,
        settings=_settings(profile, observed),
        complete=observed.complete,
        figures={name: value for name, value in figures.items() if value is not None},
        states=observed.states,
        left_out=left_out,
        step=round(step, 3),
        curves=_curves(observed, history, step, max(1, -int(-seconds // step))),
    )


def _settings(profile: Profile, observed: Observed) -> dict[str, Value]:
    ours = observed.tally is not None
    return {
        "text": profile.text,
        "window": profile.window,
        "sessions": profile.sessions,
        "links": profile.links,
        "smsc": profile.smsc.words() if ours else "given by its address",
        "medium": observed.medium,
    }


def _rates(observed: Observed, history: History, seconds: float) -> dict[str, Value]:
    answered = history.answered
    submitting = answered[-1] - answered[0] if len(answered) > 1 else 0.0
    return {
        "messages": observed.messages,
        "parts": len(answered),
        "seconds": seconds,
        "rate": (sum(observed.states.values()) - observed.before) / seconds,
        "submit_rate": len(answered) / submitting if submitting else None,
    }


def _costs(observed: Observed, seconds: float) -> dict[str, Value]:
    messages = max(observed.messages, 1)
    found: dict[str, Value] = {
        "daemon_cpu": observed.daemon_cpu / messages * 1e6,
        "daemon_load": observed.daemon_cpu / seconds,
        "rss": observed.rss,
        "wrote": observed.wrote / messages,
        "written": observed.written / messages,
        "journal": observed.journal / (messages + observed.before),
        "making": observed.making and observed.making * 1e6,
        "load_before": observed.load_before,
    }
    if observed.smsc_cpu is not None:
        found["smsc_cpu"] = observed.smsc_cpu / messages * 1e6
        found["smsc_load"] = observed.smsc_cpu / seconds
    found["limit"] = limit(observed.samples)
    return found


def limit(samples: Sequence[Sample]) -> str:
    """Who was the limit while there was something to submit."""
    busy = [
        (earlier, later)
        for earlier, later in pairwise(samples)
        if later.answered > earlier.answered
    ]
    spent = sum(later.at - earlier.at for earlier, later in busy)
    if spent <= 0:
        return "-"
    daemon = sum(later.daemon_cpu - earlier.daemon_cpu for earlier, later in busy) / spent
    smsc = sum(later.smsc_cpu - earlier.smsc_cpu for earlier, later in busy) / spent
    if max(daemon, smsc) > BUSY:
        return "daemon's CPU" if daemon >= smsc else "SMSC's CPU"
    words = Counter(later.limited_by for _, later in busy)
    return words.most_common(1)[0][0] or "-"


def _latencies(history: History) -> dict[str, Value]:
    found: dict[str, Value] = {}
    for lane, answers in history.answers.items():
        _add_quantiles(found, lane, (took for _, took in answers))
    _add_quantiles(found, "high_submit", (took for _, took in history.submits))
    _add_quantiles(found, "single", (took for _, took in history.waits))
    return found


def _add_quantiles(found: dict[str, Value], name: str, values: Iterable[float]) -> None:
    ordered = sorted(values)
    for suffix, share in (*_HALF_AND_TAIL, ("p999", 0.999)):
        found[f"{name}_{suffix}"] = quantile(ordered, share)


def _histograms(samples: Sequence[Sample]) -> dict[str, Value]:
    if not samples:
        return {}
    first, last = samples[0], samples[-1]
    commits = between(last.commits, first.commits)
    found: dict[str, Value] = {"commits": sum(commits)}
    for name, counts in (
        ("commit", commits),
        ("answer", between(last.answers, first.answers)),
        ("late", between(last.late, first.late)),
    ):
        for word, share in _HALF_AND_TAIL:
            found[f"{name}_{word}"] = bucket_quantile(counts, share)
    return found


#: Of messages in these states nobody can say yet what becomes of them.
_OPEN = ("queued", "sending", "unknown")
#: What is in these was not sent.
_REFUSED = ("rejected", "duplicate", "failed", "expired", "cancelled")


def _fates(profile: Profile, observed: Observed, history: History) -> dict[str, Value]:
    states = observed.states
    open_ = sum(states.get(state, 0) for state in _OPEN)
    found: dict[str, Value] = {
        "delivered": states.get("delivered", 0),
        "refused": sum(states.get(state, 0) for state in _REFUSED),
        "left": observed.before + observed.messages - sum(states.values()) + open_,
        "throttled": len(history.throttled),
        "throttled_late": _throttled_late(history),
        "strays": observed.strays,
        "audit": observed.audit,
    }
    if profile.destinations:
        found["overtaken"] = history.overtaken
    if observed.tally is not None:
        gone = (states.get("delivered", 0) + states.get("sent", 0)) * PARTS[profile.text]
        found["lost"] = max(0, gone - (observed.tally["accepted"] - observed.tally["taken_twice"]))
        found["twice"] = observed.tally["taken_twice"]
    return found


def _throttled_late(history: History) -> float | None:
    """The share of submits that were throttled once the pace should be found; None where none were
    before."""
    if not history.throttled or not history.answered:
        return None
    since = min(history.answered[0], history.throttled[0]) + SETTLED_AFTER
    throttled = sum(at > since for at in history.throttled)
    submits = throttled + sum(at > since for at in history.answered)
    return throttled / submits if submits else None


def _curves(observed: Observed, history: History, step: float, steps: int) -> dict[str, Curve]:
    began = observed.began
    found = {
        "sent/s": per_step((at - began for at in history.answered), step, steps),
        "delivered/s": per_step((at - began for at in history.delivered), step, steps),
    }
    if history.throttled:
        found["throttled/s"] = per_step((at - began for at in history.throttled), step, steps)
    timed = {**history.answers, "single": history.waits, "submit": history.submits}
    for name, moments in sorted(timed.items()):
        since = [(at - began, took) for at, took in moments]
        for word, share in _HALF_AND_TAIL if since else ():
            found[f"{name} {word}"] = quantiles_per_step(since, step, steps, share)
    return found | _sampled(observed, step, steps)


def _sampled(observed: Observed, step: float, steps: int) -> dict[str, Curve]:
    pairs = [
        (earlier, later)
        for earlier, later in pairwise(observed.samples)
        if later.at > earlier.at and earlier.at < step * steps
    ]

    def curve(values: Iterable[tuple[float, float | None]]) -> Curve:
        return mean_per_step([(at, each) for at, each in values if each is not None], step, steps)

    def spent(name: str) -> Curve:
        return curve(
            (a.at, (getattr(b, name) - getattr(a, name)) / (b.at - a.at)) for a, b in pairs
        )

    def took(name: str, share: float) -> Curve:
        return curve(
            (a.at, bucket_quantile(between(getattr(b, name), getattr(a, name)), share))
            for a, b in pairs
        )

    found = {"daemon CPU": spent("daemon_cpu")}
    if observed.smsc_cpu is not None:
        found["SMSC CPU"] = spent("smsc_cpu")
    found |= {
        "memory": curve((a.at, b.rss) for a, b in pairs),
        "in flight": curve((a.at, b.in_flight) for a, b in pairs),
    }
    for name in ("commits", "answers", "late"):
        for word, share in _HALF_AND_TAIL:
            found[f"{name} {word}"] = took(name, share)
    return found
