"""What a daemon needs before there are any parts: its folders, locks, processes, and the open journal."""

from __future__ import annotations

import grp
from contextlib import ExitStack, closing
from dataclasses import replace
from pathlib import Path
from typing import BinaryIO

from smppd.app.announcing import at_the_journal
from smppd.app.surroundings import Stores, Surroundings
from smppd.config import Config
from smppd.errands import Errands
from smppd.journal.store import open_reader, open_store
from smppd.locking import take_lock
from smppd.peers import Operators
from smppd.spool.folders import prepare_root
from smppd.spool.intake import RunSync


class CannotStartError(Exception):
    """The daemon cannot start; the text names the place and the cure."""


def open_ground(
    config: Config, around: Surroundings, stack: ExitStack
) -> tuple[Surroundings, Stores]:
    """Take the locks and open the journal. Gives the surroundings, with a process for each kind of work
    on files where they name none, and the stores. What must be closed goes on `stack`.

    Raises `CannotStartError`, `JournalError` or `AlreadyLocked`.
    """
    root, path = config.spool.path, config.journal.path
    if (problem := prepare_root(root)) is not None:
        raise CannotStartError(problem)
    held = stack.enter_context(_lock(root / ".lock", f"spool {root}", "[spool] path"))
    beside_it = path.with_name(path.name + ".lock")
    stack.enter_context(_lock(beside_it, f"journal {path}", "[journal] path"))
    beside = stack.enter_context(ExitStack())
    around = replace(
        around,
        run_many=around.run_many or _apart(beside, held),
        publish_many=around.publish_many or _apart(beside, held),
    )
    busy = at_the_journal(around.notifier)
    stores = Stores(
        stack.enter_context(closing(open_store(path, busy))),
        stack.enter_context(closing(open_reader(path))),
    )
    # The processes read the journal, too: it is closed after them.
    stack.push(beside.pop_all())
    return around, stores


def _lock(lock: Path, what: str, key: str) -> BinaryIO:
    try:
        return take_lock(lock, what)
    except OSError as error:
        raise CannotStartError(
            f"cannot lock {what} with {lock}: {error.strerror}: check {key} and permissions"
        ) from error


def _apart(stack: ExitStack, lock: BinaryIO) -> RunSync:
    """A process of its own for work on files; it holds this lock, too."""
    return stack.enter_context(Errands([lock.fileno()])).run_sync


def operators_of(config: Config) -> Operators:
    """Who may change anything. Raises `CannotStartError` when there is no such group."""
    group = config.observe.operators
    if not group:
        return Operators()
    try:
        return Operators(gid=grp.getgrnam(group).gr_gid, group=group)
    except KeyError:
        raise CannotStartError(
            f"there is no group {group}: create it (groupadd), or correct [observe] operators"
        ) from None
