"""Under which circumstances a profile runs: the SMSC, accounts there, and the daemon's configuration."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from benchmark.profiles import PARTS, URGENT, Profile

_SPOOL = """
[spool]
path = "{root}/spool"
[journal]
path = "{root}/journal.db"
[observe]
listen = ""
control = "{root}/control.sock"
"""
_LINK = """
[link.{name}]
hosts = ["{host}"]
system_id = "{system_id}"
password_env = "SMPPD_LOAD_PASSWORD"
window = {window}
sessions = {sessions}
reconnect_max = "1s"
"""
_ROUTE = """
[[routing.route]]
name = "all"
links = [{links}]
weights = [{weights}]
"""
#: How long the SMSC may take to end, in seconds.
_PATIENCE = 30.0
#: So many messages the SMSC tells apart anyway.
_REMEMBERED = 2_000_000


class BenchError(Exception):
    """It cannot be measured; one line for people, naming the cure."""


@dataclass(frozen=True, kw_only=True)
class Setting:
    """Under which circumstances: `addresses` of an SMSC that is there (HOST:PORT), none for one of our
    own; `system_ids` of the accounts there, for the links in turn; `seconds` at most for each run;
    numbers begin with `prefix`; `journal`: one of which the daemon begins with a copy; `more` is
    added to the daemon's configuration; `traced`: where cProfile's figures of it go."""

    addresses: Sequence[str] = ()
    system_ids: Sequence[str] = ("load",)
    password: str = "secret"
    seconds: float = 600.0
    prefix: str = "+346"
    receipts: bool = True
    folder: Path | None = None
    journal: Path | None = None
    more: str = ""
    traced: Path | None = None


@dataclass(frozen=True)
class OwnSmsc:
    """One of our own, in a process."""

    process: subprocess.Popen[str]
    address: str
    tally_file: Path

    def end(self) -> tuple[dict[str, int], dict[str, float]]:
        """Stop it; its tally, and when what is urgent came (epoch seconds), by destination."""
        self.process.terminate()
        self.process.wait(_PATIENCE)
        found = json.loads(self.tally_file.read_text())
        arrivals: dict[str, float] = found.pop("arrivals")
        return found, arrivals


@contextmanager
def own_smsc(root: Path, profile: Profile) -> Iterator[OwnSmsc]:
    """A lean SMSC on a free port, as the profile has it, until the context ends."""
    tally = root / "tally.json"
    parts = (profile.before + profile.messages) * PARTS[profile.text]
    script = Path(__file__).parent.parent / "smsc.py"
    command = [
        *(sys.executable, str(script), "--listen", "127.0.0.1:0", "--tally-file", str(tally)),
        *("--remember", str(max(_REMEMBERED, parts))),
        *("--note", URGENT),
        *profile.smsc.options(),
    ]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, text=True, start_new_session=True
    ) as process:
        try:
            assert process.stdout is not None
            line = process.stdout.readline()
            if not line.startswith("listening on "):
                raise BenchError("the simulated SMSC did not start: see the lines above")
            yield OwnSmsc(process, line.split()[-1], tally)
        finally:
            process.terminate()


def check_reachable(addresses: Sequence[str]) -> None:
    """Raises BenchError unless somebody listens at each HOST:PORT."""
    for address in addresses:
        host, port = split_address(address)
        try:
            socket.create_connection((host, port), timeout=5).close()
        except OSError as error:
            why = error.strerror or str(error)
            raise BenchError(
                f"no SMSC can be reached at {address}: {why}; start it, or leave out --smsc for the"
                " simulated one"
            ) from None


def split_address(address: str) -> tuple[str, int]:
    """Host and port. Raises BenchError."""
    host, _, port = address.rpartition(":")
    if not host or not port.isascii() or not port.isdigit() or not 0 < int(port) < 65536:
        raise BenchError(f"--smsc {address!r} is not HOST:PORT, like 127.0.0.1:2775")
    return host.strip("[]"), int(port)


def accounts(
    profile: Profile, addresses: Sequence[str], system_ids: Sequence[str]
) -> list[tuple[str, str]]:
    """Address and system_id of each link. Raises BenchError where two would share an account: its
    receipts come on either, and a link knows only its own messages."""
    found = [
        (addresses[n % len(addresses)], system_ids[n % len(system_ids)])
        for n in range(max(profile.links, len(addresses)))
    ]
    if len(set(found)) < len(found):
        raise BenchError(
            f"{profile.name} has {len(found)} links, and an account may have one: give each an"
            " address of its own (--smsc), or a name of its own (--system-id)"
        )
    return found


def configuration(root: Path, profile: Profile, links_to: Sequence[tuple[str, str]]) -> str:
    """The daemon's: a link to each of these accounts, all of them in one route."""
    names = [f"l{n}" for n in range(len(links_to))]
    links = [
        _LINK.format(
            name=name,
            host=address,
            system_id=system_id,
            window=profile.window,
            sessions=profile.sessions,
        )
        for name, (address, system_id) in zip(names, links_to, strict=True)
    ]
    route = _ROUTE.format(
        links=", ".join(f'"{name}"' for name in names), weights=", ".join("1" for _ in names)
    )
    return _SPOOL.format(root=root) + "".join(links) + (route if len(names) > 1 else "")


def medium(folder: Path) -> str:
    """What kind of filesystem it is on, as the kernel says; "?" where it does not."""
    device = folder.stat().st_dev
    number = f"{os.major(device)}:{os.minor(device)}"
    for line in Path("/proc/self/mountinfo").read_text(encoding="utf-8").splitlines():
        if line.split()[2] == number:
            return line.partition(" - ")[2].split()[0]
    return "?"
