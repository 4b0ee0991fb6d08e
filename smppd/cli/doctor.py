"""`smppd doctor`: everything that may be wrong, looked at in one go, each with how to mend it.

What hangs costs its time and no more, what is broken is a line, and the rest is looked at all the
same. What a running daemon holds is not tried beside it.
"""

from __future__ import annotations

import argparse
from collections.abc import Awaitable, Callable, Iterable, Iterator, Sequence
from functools import partial
from itertools import chain

import msgspec
import trio

from smppd.cli import check, outlet_check
from smppd.cli.diagnosis import clock, disk, network
from smppd.cli.diagnosis.own_session import over_own_session
from smppd.cli.diagnosis.permissions import look_at_permissions
from smppd.cli.diagnosis.running import ask_daemon, look_at_daemon, look_at_flow
from smppd.cli.diagnosis.trial import Trial, through_daemon
from smppd.cli.findings import Finding
from smppd.cli.places import check_local_address
from smppd.cli.terminal import Terminal, plural
from smppd.cli.words import duration
from smppd.config import Config, Mistake, find_config, load
from smppd.figures import DaemonFigures

#: Seconds for what should take none: a disk that hangs, a server that does not answer.
PATIENCE = 20.0
#: Seconds for the calls over all accounts.
CALL_PATIENCE = 60.0

Look = Callable[[], Iterable[Finding]]


class _Line(msgspec.Struct, frozen=True):
    """A finding as programs get it. `verdict`: ok, warning or wrong."""

    area: str
    verdict: str
    what: str
    says: str


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """See `cli.Command`."""
    parser.add_argument(
        "--send-test",
        metavar="NUMBER",
        help="send one message there, and wait for its receipt: through the running daemon, else"
        " over a session of its own",
    )
    parser.add_argument("--via", metavar="LINK", help="with --send-test: over this link")
    parser.add_argument(
        "--timeout",
        metavar="TIME",
        type=duration,
        default=60.0,
        help='with --send-test: how long the receipt is waited for ("60s")',
    )
    parser.add_argument("--json", action="store_true", help="print the findings as JSON")


def main(arguments: argparse.Namespace, terminal: Terminal) -> int:
    """See `cli.Command`. 2 when the configuration is wrong, 1 when anything else is."""
    said = Said(terminal, quiet=arguments.json)
    try:
        trio.run(_look, arguments, said)
    except* KeyboardInterrupt:
        raise KeyboardInterrupt from None
    if arguments.json:
        terminal.say_json(said.lines)
    else:
        said.conclude()
    return said.code


class Said:
    """What was found so far; each told as it comes, unless `quiet`."""

    def __init__(self, terminal: Terminal, *, quiet: bool) -> None:
        self._terminal = terminal
        self._quiet = quiet
        self.lines: list[_Line] = []

    @property
    def code(self) -> int:
        """The exit code."""
        wrong = {line.area for line in self.lines if line.verdict == "wrong"}
        return 2 if "configuration" in wrong else int(bool(wrong))

    def say(self, area: str, found: Iterable[Finding]) -> None:
        """These are of one area."""
        for each in found:
            if not self._quiet and (not self.lines or self.lines[-1].area != area):
                self._terminal.say(area)
            self.lines.append(_Line(area, _verdict(each), each.what, " ".join(each.says.split())))
            if not self._quiet:
                self._tell(self.lines[-1])
                self._terminal.flush()

    def conclude(self) -> None:
        """What is wrong once more, where it is seen."""
        wrong = [line for line in self.lines if line.verdict == "wrong"]
        warnings = sum(line.verdict == "warning" for line in self.lines)
        self._terminal.say()
        self._terminal.say(
            f"{len(wrong)} wrong, {plural(warnings, 'warning')}, {len(self.lines)} looked at"
        )
        for line in wrong:
            self._tell(line)

    def _tell(self, line: _Line) -> None:
        self._terminal.say(f"  {line.verdict:<8} {line.what}: {line.says}")


def _verdict(found: Finding) -> str:
    if not found.ok:
        return "wrong"
    return "warning" if found.doubtful else "ok"


async def _look(arguments: argparse.Namespace, said: Said) -> None:
    steady = clock.Steadiness()
    file = find_config(arguments.config)
    config = load(file)
    if isinstance(config, Config):
        known = Finding("configuration", True, str(file.absolute()))
        said.say("configuration", [known])
        said.say("configuration", await _within("secrets", partial(check.configured, config)))
        await _look_at_all(config, said, arguments)
    else:
        said.say("configuration", map(_mistake, config))
    said.say("clock", [clock.synchronised(), steady.look()])


def _mistake(mistake: Mistake) -> Finding:
    return Finding("configuration", False, str(mistake))


async def _look_at_all(config: Config, said: Said, arguments: argparse.Namespace) -> None:
    daemon = await trio.to_thread.run_sync(ask_daemon, config)
    alone = isinstance(daemon, Finding) and daemon.ok  # else there is one that says nothing
    permissions = partial(look_at_permissions, config, running=not alone)
    said.say("permissions", await _within("permissions", permissions))
    for what, look in _places(config, alone=alone):
        said.say("disk", await _within(what, look))
    bound = _bound(daemon)
    for link in config.links:
        if link.local_address:
            said.say("network", [check_local_address(link)])
    links = [partial(network.look_at_link, link, bound=link.name in bound) for link in config.links]
    urls = [partial(network.look_at_url, each) for each in (*config.accounts, *config.webhooks)]
    said.say("network", await _together([*links, *urls]))
    if config.accounts:
        calls = await _within("calls", partial(check.calls, config), CALL_PATIENCE)
        said.say("network", calls)
    if isinstance(daemon, Finding):
        said.say("daemon", [daemon])
    else:
        said.say("daemon", look_at_daemon(daemon))
        flow = partial(look_at_flow, config.observe.control)
        said.say("daemon", await _within("daemon, what it sends", flow))
    if arguments.send_test is not None:
        trial = Trial(arguments.send_test, arguments.via, arguments.timeout)
        said.say("test", await _send(config, trial, daemon))


async def _send(config: Config, trial: Trial, daemon: DaemonFigures | Finding) -> list[Finding]:
    if not isinstance(daemon, Finding):
        send = partial(through_daemon, config, trial)
        return await _within("test message", send, 2 * trial.patience + PATIENCE)
    if not daemon.ok:
        says = "is not sent: the daemon must answer first, or not run at all"
        return [Finding("test message", False, says)]
    return await over_own_session(config, trial)


def _places(config: Config, *, alone: bool) -> Iterator[tuple[str, Look]]:
    """What is looked at on the disk, with what to call it when it hangs."""
    spool, journal, least = config.spool.path, config.journal.path, config.spool.min_free
    yield "places", partial(check.own_places, config, alone=alone)
    yield "hooks", partial(outlet_check.commands, config)
    yield f"spool {spool}", partial(disk.look_at_disk, "spool", spool, least)
    yield f"journal {journal}", partial(disk.look_at_disk, "journal", journal.parent, least)
    yield "inotify", partial(disk.look_at_inotify, spool / "inbox")
    yield "journal", partial(clock.look_at_file, "journal", journal)


def _bound(daemon: DaemonFigures | Finding) -> frozenset[str]:
    """The links that a daemon holds."""
    if isinstance(daemon, Finding):
        return frozenset()
    return frozenset(link.name for link in daemon.links if link.bound)


async def _within(what: str, look: Look, patience: float | None = None) -> list[Finding]:
    """What a look at the machine gives, in a thread that is left alone if it hangs."""
    patience = PATIENCE if patience is None else patience
    try:
        with trio.fail_after(patience):
            return await trio.to_thread.run_sync(lambda: list(look()), abandon_on_cancel=True)
    except trio.TooSlowError:
        says = f"came to no end within {patience:g} s: something hangs, a disk or mount most likely"
        return [Finding(what, False, f"{says}: see dmesg")]
    except OSError as error:
        where = f"{error.filename}: " if error.filename else ""
        return [Finding(what, False, f"{where}{error.strerror or error}: mend that")]


async def _together(looks: Sequence[Callable[[], Awaitable[list[Finding]]]]) -> list[Finding]:
    """What they find, in their order; none waits for another."""
    found: list[list[Finding]] = [[] for _ in looks]

    async def keep(number: int) -> None:
        found[number] = await looks[number]()

    async with trio.open_nursery() as nursery:
        for number in range(len(looks)):
            nursery.start_soon(keep, number)
    return list(chain.from_iterable(found))
