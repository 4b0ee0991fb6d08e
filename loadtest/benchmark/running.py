"""Runs one profile: starts the SMSC and the daemon, hands in, watches, stops them, and adds up."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from processes import audit, cpu, start_daemon, stop, written

from benchmark.figures import HOLDS
from benchmark.history import read_history
from benchmark.profiles import Profile, Smsc
from benchmark.results import Observed, Run, add_up
from benchmark.sampling import EVERY, Progress, Sample, Sampler
from benchmark.workload import Workload, destination

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
#: How long the daemon may take to bind, and to stop, in seconds.
_PATIENCE = 30.0


class BenchError(Exception):
    """It cannot be measured; one line for people, naming the cure."""


@dataclass(frozen=True, kw_only=True)
class Setting:
    """Under which circumstances: `addresses` of an SMSC that is there (HOST:PORT), none for one of our
    own; `system_ids` of the accounts there, for the links in turn; `seconds` at most for each run; numbers begin with `prefix`."""

    addresses: Sequence[str] = ()
    system_ids: Sequence[str] = ("load",)
    password: str = "secret"
    seconds: float = 600.0
    prefix: str = "+346"
    receipts: bool = True
    folder: Path | None = None


@dataclass(frozen=True)
class OwnSmsc:
    """One of our own, in a process."""

    process: subprocess.Popen[str]
    address: str
    tally_file: Path

    def end(self) -> dict[str, int]:
        """Stop it; what it saw."""
        self.process.terminate()
        self.process.wait(_PATIENCE)
        found: dict[str, int] = json.loads(self.tally_file.read_text())
        return found


@contextmanager
def own_smsc(root: Path, smsc: Smsc) -> Iterator[OwnSmsc]:
    """A lean SMSC on a free port, until the context ends."""
    tally = root / "tally.json"
    script = Path(__file__).parent.parent / "smsc.py"
    command = [
        *(sys.executable, str(script), "--listen", "127.0.0.1:0", "--tally-file", str(tally)),
        *smsc.options(),
    ]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
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


def run_profile(profile: Profile, setting: Setting) -> Run:
    """Run it once. Raises BenchError."""
    check_reachable(setting.addresses)
    with tempfile.TemporaryDirectory(prefix="smppd-bench-", dir=setting.folder) as folder:
        with ExitStack() as stack:
            root = Path(folder)
            own = None
            if not setting.addresses:
                own = stack.enter_context(own_smsc(root, profile.smsc))
            observed = _Course(root, profile, setting, own).run()
        handed = {
            destination(setting.prefix, number).lstrip("+"): at
            for number, at in observed.handed.items()
        }
        return add_up(profile, observed, read_history(root / "journal.db", handed))


class _Course:
    """One run on its way."""

    def __init__(self, root: Path, profile: Profile, setting: Setting, own: OwnSmsc | None) -> None:
        self._root = root
        self._profile = profile
        self._setting = setting
        self._own = own
        self._samples: list[Sample] = []
        self._load_before = os.getloadavg()[0]

    def run(self) -> Observed:
        """From the start of the daemon to its end."""
        setting = self._setting
        load = Workload(
            self._profile, self._root / "spool", setting.prefix, receipts=setting.receipts
        )
        load.prepare()
        config = configuration(self._root, self._profile, self._accounts())
        daemon = start_daemon(self._root, config, password=setting.password)
        sampler = Sampler(
            daemon.pid,
            [self._own.process.pid] if self._own else [],
            self._root / "control.sock",
        )
        try:
            self._wait_bound(daemon, sampler)
            sampler.began, began = time.monotonic(), time.time()
            first = self._sample(daemon, sampler)
            load.begin()
            complete = self._watch(daemon, sampler, load)
            ended = load.last_report() if complete else None
            octets = written(daemon.pid)
            spent = cpu(daemon.pid) - first.daemon_cpu
            smsc_spent = cpu(self._own.process.pid) - first.smsc_cpu if self._own else None
        finally:
            load.end()
            usage = stop(daemon)
        return Observed(
            samples=self._samples,
            handed=load.handed,
            messages=load.messages,
            began=began,
            ended=ended or time.time(),
            complete=complete,
            daemon_cpu=spent,
            smsc_cpu=smsc_spent,
            rss=max(usage.ru_maxrss << 10, *(sample.rss for sample in self._samples)),
            written=octets,
            tally=self._own.end() if self._own else None,
            states=_states(self._root / "spool" / "done"),
            load_before=self._load_before,
            audit=self._audit(),
        )

    def _audit(self) -> str:
        audited = audit(self._root)
        return "FAILED" if audited.returncode else HOLDS

    def _accounts(self) -> list[tuple[str, str]]:
        if self._own is None:
            setting = self._setting
            return accounts(self._profile, setting.addresses, setting.system_ids)
        names = [f"load{n}" for n in range(self._profile.links)]
        return accounts(self._profile, [self._own.address], names)

    def _wait_bound(self, daemon: subprocess.Popen[bytes], sampler: Sampler) -> None:
        deadline, bound = time.monotonic() + _PATIENCE, 0
        wanted = self._profile.sessions * max(self._profile.links, len(self._setting.addresses))
        while bound < wanted:
            log = (self._root / "log").read_bytes()
            bound = log.count(b'"link_bound"')
            if daemon.poll() is not None:
                raise BenchError(f"the daemon did not start: {_last_line(log)}")
            if time.monotonic() > deadline:
                sample = sampler.take()
                why = sample.last_error if sample else _last_line(log)
                raise BenchError(
                    f"only {bound} of {wanted} sessions were bound after {_PATIENCE:g} s: "
                    f"{why or 'the SMSC did not answer'}; check --smsc, --system-id, --password-env"
                )
            time.sleep(0.05)

    def _sample(self, daemon: subprocess.Popen[bytes], sampler: Sampler) -> Sample:
        """The next one; the program ends where the daemon has."""
        while (sample := sampler.take()) is None:
            if daemon.poll() is not None:
                log = (self._root / "log").read_bytes()
                raise BenchError(f"the daemon has ended: {_last_line(log)}")
            time.sleep(0.1)
        self._samples.append(sample)
        return sample

    def _watch(self, daemon: subprocess.Popen[bytes], sampler: Sampler, load: Workload) -> bool:
        """Whether everything was reported before time was up."""
        progress = Progress(self._profile.name, self._profile.messages)
        deadline = time.monotonic() + self._setting.seconds
        try:
            while time.monotonic() < deadline:
                time.sleep(EVERY)
                handing_in = load.handing_in()
                sample = self._sample(daemon, sampler)
                progress.show(sample)
                if sample.quarantined:
                    raise BenchError("the daemon did not take a file: this is a fault, see `bad/`")
                if not handing_in and sample.reported == load.files:
                    return True
        finally:
            progress.end()
        return False


def _last_line(log: bytes) -> str:
    lines = log.decode(errors="replace").splitlines()
    return lines[-1] if lines else "it said nothing"


def _states(done: Path) -> dict[str, int]:
    """How many lines of results there are, by state."""
    found: dict[str, int] = {}
    for path in done.glob("*/*.results.jsonl"):
        with path.open(encoding="utf-8") as lines:
            for line in lines:
                state = json.loads(line)["state"]
                found[state] = found.get(state, 0) + 1
    return found
