"""The folders of smstools, where `[spool] compat` asks for them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from smppd.config import Config
from smppd.journal.store import Store
from smppd.outlets.smstools import Papers
from smppd.outlets.smstools_handler import Handler
from smppd.smstools_text import Habits
from smppd.spool.folders import make_folder
from smppd.spool.smstools import FOLDERS, Outgoing, OutgoingRules

if TYPE_CHECKING:
    from smppd.app.outlets import Surrounding


def build_papers(config: Config, around: Surrounding) -> Papers | None:
    """What writes `sent/`, `failed/` and `incoming/`; None where nobody asks for it. OSError where
    the folders cannot be made."""
    if not config.spool.compat:
        return None
    root, section = config.spool.path, config.smstools
    for name in FOLDERS:
        if not (root / name).is_dir():
            make_folder(root, name)
    handler = Handler(
        section.eventhandler,
        section.eventhandler_timeout,
        section.eventhandler_concurrency,
        around.emit,
    )
    return Papers(root, handler, around.wall, utf8=section.incoming_utf8, run_sync=around.run_sync)


def build_outgoing(
    config: Config, papers: Papers | None, reader: Store, around: Surrounding
) -> Outgoing | None:
    """What takes files from `outgoing/`."""
    if papers is None:
        return None
    section = config.smstools
    habits = Habits(report=section.report, queues=section.queues)
    rules = OutgoingRules(config.spool.poll_interval, config.spool.settle, habits)
    times = (around.wall, around.run_sync)
    return Outgoing(config.spool.path, rules, papers, reader.files.has, around.emit, times)
