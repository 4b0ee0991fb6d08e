"""The cap as it is configured."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from smppd.config import Config
from smppd.journal.journal import Journal
from smppd.message import Lane
from smppd.pipeline.cap import Cap


def build_cap(
    config: Config,
    queues: Mapping[int, tuple[str, Lane]],
    journal: Journal,
    wall: Callable[[], float],
) -> Cap | None:
    """What counts the messages to each number; None where nothing is to be counted."""
    if not config.policy.per_number_per_day:
        return None
    lanes = {number: lane for number, (_, lane) in queues.items()}
    return Cap(config.policy, lanes, journal, wall)
