"""How fast the daemon is, what it costs, and how that changes while it runs.

    python loadtest/bench.py bulk --report out.html --json out.json
    python loadtest/bench.py otp mixed queued --rate 50      what singles wait, idle and beside bulk
    python loadtest/bench.py bulk --smsc 127.0.0.1:2775      another SMSC or simulator stands in
    python loadtest/bench.py bulk --baselines                plain clients beside it, with ratios
    python loadtest/bench.py all --report all.html           every profile
    python loadtest/bench.py grow --report growth.html       how cost grows; see grow --help
    python loadtest/bench.py show one.json two.json --report both.html
    python loadtest/bench.py compare before.json after.json

Each profile starts a daemon of its own on a new journal, in a temporary folder and on loopback, and a lean
SMSC (smsc.py) that is no limit; hands in what the profile says; and waits until every message has
its result, or --seconds are over. Exit code 1 where a message was lost, sent twice, left, or overtaken by a
later one to its destination, where a file is out of place, or where the journal does not hold what
`smppd audit` asks of it.

What no profile measures: intake.py, how fast files of all kinds get into the journal; starting.py, how long
start and stop take with a large one; keeping.py, what it costs to remove what is old.
"""

from __future__ import annotations

import argparse
import ipaddress
import os
import signal
import sys
from pathlib import Path

from benchmark.baselines import run_baselines
from benchmark.commands import (
    COMMANDS,
    Parser,
    add_outputs,
    check_folder,
    check_seconds,
    check_writable,
    write,
)
from benchmark.document import ReadError, document
from benchmark.overview import overview_lines
from benchmark.profiles import PROFILES, Profile
from benchmark.report import table
from benchmark.results import Run, faults
from benchmark.running import run_profile
from benchmark.setting import BenchError, Setting, accounts, split_address


def main() -> int:
    """Do what is asked for. A SIGTERM is obeyed as Ctrl-C is: nothing is left running."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, _break_off)
    try:
        if sys.argv[1:] and (command := COMMANDS.get(sys.argv[1])) is not None:
            return command(sys.argv[2:])
        return _measure(_options())
    except (BenchError, ReadError) as error:
        print(f"bench.py: {error}", file=sys.stderr)
    except OSError as error:
        where = f"{error.filename}: " if error.filename else ""
        print(f"bench.py: {where}{error.strerror or error}", file=sys.stderr)
    except KeyboardInterrupt:
        print("bench.py: broken off; what was through is in --json and --report", file=sys.stderr)
        return 130
    return 2


def _break_off(_number: int, _frame: object) -> None:
    """Have all that was started end, which takes a moment: a second Ctrl-C does not disturb it."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)
    raise KeyboardInterrupt


def _measure(options: argparse.Namespace) -> int:
    profiles, setting = _profiles(options), _setting(options)
    check_writable(options.json, options.report, options.cprofile)
    for profile in profiles if setting.addresses else ():
        accounts(profile, setting.addresses, setting.system_ids)
    runs = list[Run]()
    for profile in profiles:
        run = run_profile(profile, setting)
        if options.baselines:
            run.baselines = run_baselines(profile, setting)
        print("\n".join(table(run)), flush=True)
        runs.append(run)
        # Written after each, so that what takes long and breaks off is not lost.
        write(document(runs), options.json, options.report)
    if len(runs) > 1:
        print("\n".join(overview_lines(runs)))
    return int(any(map(faults, runs)))


def _options() -> argparse.Namespace:
    described = "\n".join(f"  {each.name:<11} {each.about}" for each in PROFILES.values())
    parser = Parser(
        description=f"{__doc__}\nprofiles:\n{described}",
        formatter_class=argparse.RawTextHelpFormatter,
    )
    add = parser.add_argument
    add("profile", nargs="+", choices=[*PROFILES, "all"], metavar="PROFILE")
    add("--messages", type=int, help="instead of the profile's own number")
    add("--window", type=int, help="submits without an answer, for each session")
    add("--sessions", type=int, help="sessions of each link")
    add("--rate", type=float, metavar="N",
        help="so many singles a second, where the profile has them come one by one (25)")  # fmt: skip
    add("--seconds", type=float, default=600.0, help="at most, for each profile (600)")
    add("--smsc", nargs="+", default=[], metavar="HOST:PORT",
        help="an SMSC that is there, instead of the simulated one; several: a link for each")  # fmt: skip
    add("--system-id", nargs="+", default=["load"], metavar="NAME",
        help="the account on that SMSC (load); several: for the links in turn")  # fmt: skip
    add("--password-env", metavar="NAME", help="the variable that holds its password (secret)")
    add("--numbers", metavar="PREFIX",
        help="numbers are this and eight digits (+346); must be given for an SMSC elsewhere")  # fmt: skip
    add("--no-receipts", dest="receipts", action="store_false", help="ask for no receipts")
    add("--folder", type=Path, help="where spool and journal are: the disk that is meant")
    add("--config", type=Path, metavar="FILE",
        help="sections that the daemon has besides, like [events] or [retention]")  # fmt: skip
    add("--cprofile", type=Path, metavar="FILE",
        help="run the daemon under cProfile and write its figures here; the others are then no measure")  # fmt: skip
    add("--baselines", action="store_true",
        help="plain clients, smpplib and npm smpp, send the same to the same SMSC, where they can")  # fmt: skip
    add_outputs(parser)
    return parser.parse_args()


def _profiles(options: argparse.Namespace) -> list[Profile]:
    names = list(PROFILES) if "all" in options.profile else options.profile
    try:
        found = [
            PROFILES[name].with_options(options.messages, options.window, options.sessions)
            for name in names
        ]
        return found if options.rate is None else [each.with_rate(options.rate) for each in found]
    except ValueError as error:
        raise BenchError(str(error)) from None


def _setting(options: argparse.Namespace) -> Setting:
    check_folder(options.folder)
    check_seconds(options.seconds)
    for address in options.smsc:
        if not _is_here(split_address(address)[0]) and options.numbers is None:
            raise BenchError(
                f"{address} is not this machine: say with --numbers +PREFIX whom it may send to"
            )
    prefix = options.numbers or "+346"
    if (
        not prefix.startswith("+")
        or not (prefix.isascii() and prefix[1:].isdigit())
        or not 1 < len(prefix) <= 8
    ):
        raise BenchError(f"--numbers {prefix!r} is no prefix: + and up to seven digits, like +346")
    password = "secret"
    if options.password_env is not None:
        password = os.environ.get(options.password_env, "")
        if not password:
            raise BenchError(f"there is no variable {options.password_env}: export it")
    return Setting(
        addresses=options.smsc,
        system_ids=options.system_id,
        password=password,
        seconds=options.seconds,
        prefix=prefix,
        receipts=options.receipts,
        folder=options.folder,
        more=options.config.read_text(encoding="utf-8") if options.config else "",
        traced=options.cprofile,
    )


def _is_here(host: str) -> bool:
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


if __name__ == "__main__":
    sys.exit(main())
