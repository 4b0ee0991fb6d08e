"""Runs one profile: starts the SMSC and the daemon, hands in, watches, stops them, and adds up."""

from __future__ import annotations

import os
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import msgspec
from processes import audit, cpu, end, start_daemon, stop, written, wrote

from benchmark.figures import HOLDS
from benchmark.history import Known, read_history
from benchmark.profiles import Profile
from benchmark.results import Observed, Run, add_up
from benchmark.sampling import EVERY, Progress, Sample, Sampler, on_terminal
from benchmark.setting import (
    BenchError,
    OwnSmsc,
    Setting,
    accounts,
    check_reachable,
    configuration,
    medium,
    own_smsc,
)
from benchmark.workload import Workload, destination
from smppd.control import ask

#: How long the daemon may take to bind, and to stop, in seconds.
_PATIENCE = 60.0
#: How long it may take where the SMSC refuses a bind: it may be busy with an earlier session.
_REFUSED = 5.0
#: Seconds between two looks at what is about to begin.
_OFTEN = 0.2


def run_profile(profile: Profile, setting: Setting) -> Run:
    """Run it once. Raises BenchError."""
    with running(profile, setting) as (root, observed):
        return told(root, profile, setting, observed)


def told(root: Path, profile: Profile, setting: Setting, observed: Observed) -> Run:
    """The figures and curves of what was seen, and of what its journal tells."""
    handed = {
        destination(setting.prefix, number).lstrip("+"): at
        for number, at in observed.handed.items()
    }
    known = Known(handed, observed.arrivals, profile.destinations, observed.began)
    return add_up(profile, observed, read_history(root / "journal.db", known))


def observe(profile: Profile, setting: Setting) -> Observed:
    """Run it once, for what can be seen from outside; the journal is audited, and not read for times,
    so that it may be of any length. Raises BenchError."""
    with running(profile, setting) as (_, observed):
        return observed


@contextmanager
def running(profile: Profile, setting: Setting) -> Iterator[tuple[Path, Observed]]:
    """Its folder, in which all of it is over, and what was seen."""
    check_reachable(setting.addresses)
    with tempfile.TemporaryDirectory(prefix="smppd-bench-", dir=setting.folder) as folder:
        root = Path(folder)
        if setting.journal is not None:
            shutil.copy(setting.journal, root / "journal.db")
        with ExitStack() as stack:
            own = None
            if not setting.addresses:
                own = stack.enter_context(own_smsc(root, profile))
            observed = _Course(root, profile, setting, own).run()
        try:
            yield root, observed
        finally:
            on_terminal("")


class _Course:
    """One run on its way."""

    def __init__(self, root: Path, profile: Profile, setting: Setting, own: OwnSmsc | None) -> None:
        self._root = root
        self._profile = profile
        self._setting = setting
        self._own = own
        self._samples: list[Sample] = []
        self._load_before = os.getloadavg()[0]
        self._load = Workload(profile, root / "spool", setting.prefix, receipts=setting.receipts)
        self._control = root / "control.sock"

    def run(self) -> Observed:
        """From the start of the daemon to its end."""
        setting, load = self._setting, self._load
        on_terminal(f"{self._profile.name}: writing what is handed in")
        load.prepare()
        config = configuration(self._root, self._profile, self._accounts()) + setting.more
        daemon = start_daemon(self._root, config, setting.traced, setting.password)
        smscs = [self._own.process.pid] if self._own else []
        self._daemon, self._sampler = daemon, Sampler(daemon.pid, smscs, self._control)
        try:
            self._wait_bound()
            if self._profile.before:
                self._send_before()
            octets, given = written(daemon.pid), wrote(daemon.pid)
            self._sampler.began, began = time.monotonic(), time.time()
            first = self._sample()
            if self._profile.waiting:
                self._have_waiting()
            load.begin()
            complete = self._watch()
            ended = load.last_report() if complete else None
            octets, given = written(daemon.pid) - octets, wrote(daemon.pid) - given
            spent = cpu(daemon.pid) - first.daemon_cpu
            smsc_spent = cpu(self._own.process.pid) - first.smsc_cpu if self._own else None
            load.end()
            on_terminal(f"{self._profile.name}: stopping, auditing, reading the journal")
            usage = stop(daemon)
        finally:
            load.end()
            end(daemon)
        tally, arrivals = self._own.end() if self._own else (None, {})
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
            wrote=given,
            journal=(self._root / "journal.db").stat().st_size,
            medium=medium(self._root),
            tally=tally,
            arrivals=arrivals,
            states=_states(self._root / "spool" / "done"),
            making=load.making,
            strays=strays(self._root / "spool"),
            load_before=self._load_before,
            audit=self._audit(),
            before=self._profile.before,
        )

    def _send_before(self) -> None:
        """Have what goes ahead sent and reported; nothing of it is measured."""
        self._load.begin_before()
        self._until(lambda sample: sample.reported == self._load.files)
        self._samples.clear()

    def _have_waiting(self) -> None:
        """Have what is to wait in the journal, and then the links submit it."""
        waiting = self._profile.waiting
        ask(self._control, "pause", all=True)
        self._load.begin_waiting()
        self._until(lambda sample: sample.states.get("queued", 0) == waiting)
        ask(self._control, "resume", all=True)

    def _until(self, ready: Callable[[Sample], bool]) -> None:
        """Return when it is so. Raises BenchError where time is up."""
        name = f"{self._profile.name}, beforehand"
        progress = Progress(name, max(self._profile.before, self._profile.waiting))
        deadline = time.monotonic() + self._setting.seconds
        try:
            while not ready(sample := self._sample()):
                if time.monotonic() > deadline:
                    raise BenchError(f"{name}: not there after {self._setting.seconds:g} s")
                progress.show(sample)
                time.sleep(_OFTEN)
        finally:
            progress.end()

    def _audit(self) -> str:
        audited = audit(self._root)
        return "FAILED" if audited.returncode else HOLDS

    def _accounts(self) -> list[tuple[str, str]]:
        if self._own is None:
            setting = self._setting
            return accounts(self._profile, setting.addresses, setting.system_ids)
        names = [f"load{n}" for n in range(self._profile.links)]
        return accounts(self._profile, [self._own.address], names)

    def _wait_bound(self) -> None:
        began = time.monotonic()
        wanted = self._profile.sessions * max(self._profile.links, len(self._setting.addresses))
        while True:
            log = (self._root / "log").read_bytes()
            bound = log.count(b'"link_bound"')
            if self._daemon.poll() is not None:
                raise BenchError(f"the daemon did not start: {_last_line(log)}")
            if bound >= wanted:
                return
            passed, sample = time.monotonic() - began, self._sampler.take()
            refused = sample is not None and sample.last_error.startswith("bind refused")
            if passed > (_REFUSED if refused else _PATIENCE):
                why = sample.last_error if sample else _last_line(log)
                raise BenchError(
                    f"only {bound} of {wanted} sessions were bound after {passed:.0f} s: "
                    f"{why or 'the SMSC did not answer'}; check --smsc, --system-id, --password-env"
                )
            time.sleep(0.05)

    def _sample(self) -> Sample:
        """The next one; the program ends where the daemon has."""
        while (sample := self._sampler.take()) is None:
            if self._daemon.poll() is not None:
                log = (self._root / "log").read_bytes()
                raise BenchError(f"the daemon has ended: {_last_line(log)}")
            time.sleep(0.1)
        self._samples.append(sample)
        return sample

    def _watch(self) -> bool:
        """Whether everything was reported before time was up."""
        load = self._load
        progress = Progress(self._profile.name, self._profile.before + self._profile.messages)
        deadline = time.monotonic() + self._setting.seconds
        try:
            while time.monotonic() < deadline:
                time.sleep(EVERY)
                handing_in = load.handing_in()
                sample = self._sample()
                progress.show(sample)
                load.answered(sample.answered - sample.throttled)
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


class _Line(msgspec.Struct):
    """What is read of a line of results; there may be ten million."""

    state: str


def _states(done: Path) -> dict[str, int]:
    """How many lines of results there are, by state."""
    found: dict[str, int] = {}
    decode = msgspec.json.Decoder(_Line).decode
    for path in done.glob("*/*.results.jsonl"):
        with path.open("rb") as lines:
            for line in lines:
                state = decode(line).state
                found[state] = found.get(state, 0) + 1
    return found


def strays(spool: Path) -> int:
    """How many files lie in inbox/ and work/, or in done/ without their results or report."""
    left = sum(path.is_file() for name in ("inbox", "work") for path in (spool / name).rglob("*"))
    ends = ".results.jsonl", ".report.json", ".report.html"
    counts = dict.fromkeys(("", *ends), 0)
    for path in (spool / "done").glob("*/*"):
        counts[next((end for end in ends if path.name.endswith(end)), "")] += 1
    del counts[".report.html"]  # not every file has one
    return left + max(counts.values()) - min(counts.values())
