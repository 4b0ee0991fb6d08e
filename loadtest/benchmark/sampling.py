"""How daemon and SMSC stand while a profile runs: /proc, and what the daemon says of itself.

A sample costs the daemon about a millisecond, which is in its CPU like everything else.
"""

from __future__ import annotations

import shutil
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from processes import cpu, memory

from smppd.control import ControlUnavailable, ask

#: Seconds from one sample to the next.
EVERY = 0.5
#: Where there is no terminal, a line of progress comes so seldom, in seconds.
LINE_EVERY = 10.0


@dataclass(frozen=True, kw_only=True)
class Sample:
    """One moment. `at`: seconds from the hand-in; CPU in seconds, memory in octets; the counts of
    histograms are those since the daemon started (buckets of `smppd.figures`)."""

    at: float
    daemon_cpu: float
    smsc_cpu: float
    rss: int
    in_flight: int
    answered: int
    throttled: int
    states: dict[str, int]
    reported: int
    quarantined: int
    commits: list[int]
    answers: list[int]
    late: list[int]
    limited_by: str
    last_error: str

    @property
    def delivered(self) -> int:
        """Messages that are."""
        return self.states.get("delivered", 0)


class Sampler:
    """Takes samples of one daemon, and of the SMSC's processes if there are some of ours."""

    def __init__(self, daemon: int, smscs: list[int], control: Path) -> None:
        self._daemon = daemon
        self._smscs = smscs
        self._control = control
        self.began = time.monotonic()

    def take(self) -> Sample | None:
        """How it stands now; None where the daemon does not say."""
        try:
            told = ask(self._control, "status")
        except ControlUnavailable:
            return None
        return sample_of(
            told,
            time.monotonic() - self.began,
            (cpu(self._daemon), sum(map(cpu, self._smscs))),
            memory(self._daemon),
        )


def sample_of(told: dict[str, Any], at: float, spent: tuple[float, float], rss: int) -> Sample:
    """A sample from what `status` tells."""
    links, spool = told["links"], told["spool"]
    return Sample(
        at=at,
        daemon_cpu=spent[0],
        smsc_cpu=spent[1],
        rss=rss,
        in_flight=sum(each["in_flight"] for link in links for each in link["sessions"]),
        answered=sum(sum(link["answers"].values()) for link in links),
        throttled=sum(link["throttled"] for link in links),
        states=told["states"],
        reported=spool["reported"],
        quarantined=spool["quarantined"],
        commits=told["journal"]["commit_seconds"]["counts"],
        answers=[
            sum(each) for each in zip(*(link["latency"]["counts"] for link in links), strict=True)
        ],
        late=told["loop"]["delay"]["counts"],
        limited_by=links[0]["limited_by"],
        last_error=next((link["last_error"] for link in links if link["last_error"]), ""),
    )


def on_terminal(line: str) -> None:
    """Have this one line say what is done just now, where somebody looks; an empty one takes it away."""
    if sys.stderr.isatty():
        width = shutil.get_terminal_size().columns - 1
        sys.stderr.write(f"\r\x1b[K{line[:width]}")
        sys.stderr.flush()


class Progress:
    """One line that says how far it is: always the same one on a terminal, else one now and then."""

    def __init__(self, name: str, expected: int) -> None:
        self._name = name
        self._expected = expected
        self._last: Sample | None = None
        self._said = 0.0
        self._terminal = sys.stderr.isatty()

    def show(self, sample: Sample) -> None:
        """Say it, where it is time to."""
        if not self._terminal and sample.at - self._said < LINE_EVERY:
            return
        line = progress_line(self._name, self._expected, sample, self._last)
        self._last, self._said = sample, sample.at
        if self._terminal:
            on_terminal(line)
        else:
            sys.stderr.write(f"{line}\n")
            sys.stderr.flush()

    def end(self) -> None:
        """Make room for what is printed next."""
        on_terminal("")


def progress_line(name: str, expected: int, now: Sample, last: Sample | None) -> str:
    """What is said of a sample."""
    seconds = now.at - (last.at if last else 0.0)
    queued = now.states.get("queued", 0)
    waiting = f"queued {queued:,}  " if queued else ""
    rate = (now.answered - (last.answered if last else 0)) / seconds if seconds > 0 else 0.0
    return (
        f"{name}  {now.at:.0f} s  {waiting}sent {now.answered - now.throttled:,} of {expected:,}  "
        f"delivered {now.delivered:,}  {rate:,.0f}/s  in flight {now.in_flight:,}"
    )
