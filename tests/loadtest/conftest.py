"""A run that was observed, made up: two seconds, four messages in two lanes, one of them a single."""

from __future__ import annotations

from typing import Any

import pytest
from benchmark.document import Document
from benchmark.history import History
from benchmark.profiles import PROFILES
from benchmark.results import Observed, Run, add_up
from benchmark.sampling import Sample

from smppd.figures import Histogram

BEGAN = 1_000_000.0


def counts(*seconds: float) -> list[int]:
    """A histogram's, of these durations."""
    seen = Histogram()
    for each in seconds:
        seen.observe(each)
    return seen.counts


def sample(at: float, answered: int, daemon_cpu: float, **more: Any) -> Sample:
    """How it stands, so many seconds after the hand-in."""
    told: dict[str, Any] = {
        "smsc_cpu": daemon_cpu / 10,
        "rss": 100 << 20,
        "in_flight": 7,
        "throttled": 0,
        "states": {"delivered": answered},
        "reported": 0,
        "quarantined": 0,
        "commits": counts(*[0.004] * answered),
        "answers": counts(*[0.02] * answered),
        "late": counts(*[0.001] * answered),
        "limited_by": "window",
        "last_error": "",
    }
    return Sample(at=at, answered=answered, daemon_cpu=daemon_cpu, **(told | more))


def observed(**more: Any) -> Observed:
    """What was seen of it."""
    told: dict[str, Any] = {
        "samples": [sample(0.0, 0, 1.0), sample(0.5, 2, 1.1), sample(1.5, 4, 1.2)],
        "handed": {3: BEGAN},
        "messages": 4,
        "began": BEGAN,
        "ended": BEGAN + 2.0,
        "complete": True,
        "daemon_cpu": 0.2,
        "smsc_cpu": 0.02,
        "rss": 120 << 20,
        "written": 4000,
        "wrote": 6000,
        "journal": 3000,
        "medium": "tmpfs",
        "tally": {"accepted": 4, "taken_twice": 0},
        "states": {"delivered": 4},
        "load_before": 1.5,
        "audit": "holds",
    }
    return Observed(**(told | more))


def history() -> History:
    """What its journal tells."""
    return History(
        answers={
            "bulk": [(BEGAN + 0.2, 0.1), (BEGAN + 0.3, 0.2), (BEGAN + 1.2, 1.1)],
            "high": [(BEGAN + 1.2, 0.01)],
        },
        waits=[(BEGAN + 1.2, 0.03)],
        submits=[(BEGAN + 1.1, 0.005)],
        delivered=[BEGAN + at for at in (0.4, 0.6, 1.4, 1.6)],
    )


@pytest.fixture
def run() -> Run:
    return add_up(PROFILES["bulk"], observed(), history())


@pytest.fixture
def document(run: Run) -> Document:
    return Document(made="2030-01-01T00:00:00+00:00", smppd="1", machine={"cores": "2"}, runs=[run])
