"""What the daemon stands on, and the open journal."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

from smppd.config import LogLevel
from smppd.journal.store import Store
from smppd.link.supervisor import Connect
from smppd.notifying import Notifier
from smppd.spool.intake import RunSync
from smppd.threads import Threads

if TYPE_CHECKING:
    from smppd.httpapi.transport import Transport


#: Calls to the disk at once.
DISK_THREADS = 20


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What the daemon stands on: the time for people (epoch seconds), a place for calls that
    block, and the ways to an SMSC and to a provider of HTTP APIs (None: as their sections say). A
    test brings its own. `sum_up` is called a few times a second, for whoever tells sums of events.
    `set_level` has the log write from a level up, and gives the one before.
    `run_many` is a place for work on very many files, `publish_many` for results (None: a process of
    its own for each). `notifier`: the service manager."""

    wall: Callable[[], float] = time.time
    run_sync: RunSync = field(default_factory=lambda: Threads(DISK_THREADS).run_sync)
    connect: Connect | None = None
    transport: Transport | None = None
    sum_up: Callable[[], None] = lambda: None
    set_level: Callable[[LogLevel], LogLevel] = lambda level: level
    run_many: RunSync | None = None
    publish_many: RunSync | None = None
    notifier: Notifier = field(default_factory=Notifier)


class Stores(NamedTuple):
    """The open journal: `main` to write, `reader` to look things up beside it."""

    main: Store
    reader: Store
