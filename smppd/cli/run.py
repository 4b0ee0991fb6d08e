"""`smppd run`: the daemon, in the foreground, until a signal asks it to drain and stop."""

from __future__ import annotations

import argparse
import errno
import gc
import sys
from collections.abc import Iterator

import trio

from smppd.apart import COLLECT_SELDOM
from smppd.app import CannotStartError, Daemon, Surroundings
from smppd.cli.settings import read_config, read_passwords
from smppd.cli.terminal import Terminal
from smppd.config import Config
from smppd.errands import ErrandsEnded
from smppd.guarding import guard_process
from smppd.journal.schema import BROKEN, JournalError, broken_in_words
from smppd.ledger.facts import Damaged
from smppd.locking import AlreadyLocked
from smppd.notifying import Notifier
from smppd.observe.log import configure

#: Seconds for which a thread may keep the interpreter. The journal's gives it up at every step of
#: SQLite anyway; being asked for it more often only costs (4 in 100 of the CPU, measured).
_SWITCH_AFTER = 0.02

_OPERATORS = (CannotStartError, JournalError, AlreadyLocked, ErrandsEnded, Damaged)
#: What a disk or a file's owner may do to us: not a fault of the program, so no traceback.
_OF_THE_MACHINE = frozenset(
    {
        errno.ENOENT,
        errno.ENOTDIR,
        errno.EISDIR,
        errno.ENOSPC,
        errno.EDQUOT,
        errno.EIO,
        errno.EROFS,
        errno.EACCES,
        errno.EPERM,
        errno.EMFILE,
    }
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """See `cli.Command`."""
    parser.epilog = "SIGTERM and SIGINT drain and stop; a second one stops at once."


def main(arguments: argparse.Namespace, terminal: Terminal) -> int:
    """See `cli.Command`."""
    guard_process()
    config = read_config(arguments)
    failures = run(config, read_passwords(config))
    for failure in failures:
        terminal.complain(failure)
    return 1 if failures else 0


def run(config: Config, passwords: dict[str, str]) -> list[str]:
    """Run a daemon to its end; what the operator must know when it could not go on."""
    observe = config.observe
    observer = configure(observe.log_level, observe.log_format, log_content=observe.log_content)
    failures: list[str] = []
    notifier = Notifier.from_environment()
    gc.disable()  # the accounts are no garbage: looking through them again and again costs seconds
    try:
        around = Surroundings(
            sum_up=observer.settle, set_level=observer.set_level, notifier=notifier
        )
        with Daemon(config, passwords, observer, around) as daemon:
            # What is there now stays to the end: it need never be looked at again.
            sys.setswitchinterval(_SWITCH_AFTER)
            gc.freeze()
            gc.set_threshold(*COLLECT_SELDOM)
            gc.enable()
            trio.run(daemon.run)
    except* (*_OPERATORS, *BROKEN, OSError) as group:
        for_the_operator, faults = group.split(_is_for_the_operator)
        if faults is not None:
            raise faults from None
        failures = list(dict.fromkeys(map(_in_words, _leaves(for_the_operator))))
        notifier.tell(status="; ".join(failures))  # not how well it stood before
    finally:
        gc.enable()
        notifier.close()
    return failures


def _is_for_the_operator(error: BaseException) -> bool:
    return (
        isinstance(error, _OPERATORS)
        or bool(broken_in_words(error))
        or (isinstance(error, OSError) and error.errno in _OF_THE_MACHINE)
    )


def _in_words(error: BaseException) -> str:
    if isinstance(error, OSError):
        where = f" ({error.filename})" if error.filename else ""
        cure = "mend that"
        if error.errno == errno.EMFILE:
            cure = "raise LimitNOFILE= of the unit (ulimit -n)"
        return (
            f"cannot go on: {error.strerror}{where}: nothing is lost, {cure} and start smppd again"
        )
    if isinstance(error, Damaged):
        return error.of_the_journal
    return broken_in_words(error) or str(error)


def _leaves(error: BaseException | None) -> Iterator[BaseException]:
    if isinstance(error, BaseExceptionGroup):
        for each in error.exceptions:
            yield from _leaves(each)
    elif error is not None:
        yield error
