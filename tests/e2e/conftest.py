"""Daemons and SMSCs as processes of their own, for tests of the whole.

`smsc_factory` and `daemon_factory` start them. They are stopped by their pids, and their folders
removed, at the end of the test; when it fails, what they logged stands in its report.
Test modules import this one for annotations only, under TYPE_CHECKING.
"""

from __future__ import annotations

import json
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, TypeVar

import pytest

from smppd.control import ControlRefused, ControlUnavailable, ask
from tests.e2e.reloaded import Site

T = TypeVar("T")

SYSTEM_ID, PASSWORD = "peer", "secret"

#: Seconds for a process to come up or to stop, where others have both cores; and between two looks
#: at what is waited for.
PATIENCE = 90.0
LOOK_EVERY = 0.02
#: So many characters of a log are shown.
SHOWN = 20_000

_LANES = {"normal": ".", "high": "high", "bulk": "bulk"}


class Program:
    """A process, and its stdout and stderr in a file; `start` again is possible once it ended."""

    def __init__(self, name: str, command: Sequence[str], log: Path) -> None:
        self.name = name
        self.command = command
        self.log_file = log
        self.process: subprocess.Popen[bytes] | None = None
        log.touch()

    @property
    def log(self) -> str:
        """What it has said so far, over all its lives."""
        return self.log_file.read_text(errors="replace")

    @property
    def running(self) -> bool:
        """Whether it was started and has not ended."""
        return self.process is not None and self.process.poll() is None

    def start(self) -> None:
        """Start it, and do not wait for anything."""
        assert not self.running, f"{self.name} is running already"
        with self.log_file.open("ab") as log:
            self.process = subprocess.Popen(
                self.command, stdin=subprocess.DEVNULL, stdout=log, stderr=log
            )

    def end(self, number: signal.Signals, timeout: float = PATIENCE) -> int:
        """Send a signal, and wait for the end; its exit status, negative if a signal killed it."""
        assert self.process is not None, f"{self.name} was never started"
        self.process.send_signal(number)
        return self.process.wait(timeout)

    def wait(self, look: Callable[[], T | None], what: str, timeout: float = PATIENCE) -> T:
        """What `look` finds, as soon as that is neither None nor False."""
        until = time.monotonic() + timeout
        while True:
            found = look()
            if found is not None and found is not False:
                return found
            assert self.running, f"{self.name} has ended; waited for {what}"
            assert time.monotonic() < until, f"{self.name}: no {what} within {timeout:g} s"
            time.sleep(LOOK_EVERY)

    def clean_up(self) -> None:
        """Whatever happened, it is gone."""
        if self.process is not None and self.running:
            self.process.kill()
            self.process.wait()


@dataclass(frozen=True)
class Smsc:
    """An SMSC that listens on `port` of 127.0.0.1."""

    program: Program
    port: int

    def stop(self) -> None:
        """End it as a user would; it must have nothing to complain about."""
        assert self.program.end(signal.SIGTERM) == 0


@dataclass(frozen=True)
class Reported:
    """What became of a file that was handed in: its place in `done/`, report and results."""

    source: Path
    report: dict[str, Any]
    results: list[dict[str, Any]]


class Daemon:
    """`smppd run` in a folder of its own. `link` is the only link's name."""

    link = "main"

    def __init__(self, folder: Path, configuration: str) -> None:
        self.folder = folder
        self.spool = folder / "spool"
        self.control = folder / "control.sock"
        self.config = folder / "smppd.toml"
        self.config.write_text(configuration)
        (folder / "password").write_text(f"{PASSWORD}\n")
        command = [sys.executable, "-m", "smppd", "run", "--config", str(self.config)]
        self.program = Program("smppd", command, folder / "log")

    # ── its life ─────────────────────────────────────────────────────────────────────────────

    def start(self, *, bound: bool = True) -> None:
        """Start it, and wait until it answers; with `bound`, until a session is bound."""
        self.program.start()
        self.wait(lambda: self.bound if bound else bool(self.status()), "readiness")

    def terminate(self, timeout: float = PATIENCE) -> None:
        """SIGTERM; it must drain and exit with 0."""
        status = self.program.end(signal.SIGTERM, timeout)
        assert status == 0, f"exit status {status}"

    def kill(self) -> None:
        """SIGKILL; it must have lived until then."""
        assert self.program.end(signal.SIGKILL) == -signal.SIGKILL

    # ── what it says ─────────────────────────────────────────────────────────────────────────

    @property
    def log(self) -> str:
        """Its log so far, over all its lives."""
        return self.program.log

    def events(self, name: str = "") -> list[dict[str, Any]]:
        """The lines of its log, or those of this event."""
        lines = [json.loads(line) for line in self.log.splitlines() if line.startswith("{")]
        return [line for line in lines if name in ("", line["event"])]

    def status(self) -> dict[str, Any]:
        """What the control socket says; empty while there is no answer."""
        try:
            return ask(self.control, "status")
        except (ControlUnavailable, ControlRefused):
            return {}

    @property
    def bound(self) -> bool:
        """Whether a session is bound now."""
        sessions = [each for link in self.status().get("links", []) for each in link["sessions"]]
        return any(session["state"].startswith("bound") for session in sessions)

    def wait(self, look: Callable[[], T | None], what: str, timeout: float = PATIENCE) -> T:
        """What `look` finds, as soon as it is neither None nor False; the daemon must live on."""
        return self.program.wait(look, what, timeout)

    def command(self, *words: str) -> tuple[int, Any]:
        """`smppd WORDS --json`: its exit status, and what it printed, or its stderr."""
        command = [sys.executable, "-m", "smppd", *words, "--json", "--config", str(self.config)]
        done = subprocess.run(command, capture_output=True, timeout=60, check=False, text=True)
        return done.returncode, json.loads(done.stdout) if done.stdout else done.stderr

    # ── files ────────────────────────────────────────────────────────────────────────────────

    def submit(
        self,
        content: bytes | Iterable[Mapping[str, object]],
        name: str = "batch.jsonl",
        lane: str = "normal",
    ) -> Path:
        """Hand a file in by a rename, whether the daemon runs or not; its place in the inbox."""
        if not isinstance(content, bytes):
            content = b"".join(json.dumps(line).encode() + b"\n" for line in content)
        inbox = self.spool / "inbox"
        place = inbox / _LANES[lane] / name
        for folder in (inbox / "tmp", place.parent):
            folder.mkdir(parents=True, exist_ok=True)
        draft = inbox / "tmp" / name
        draft.write_bytes(content)
        return draft.rename(place)

    def wait_report(self, name: str = "batch.jsonl", timeout: float = PATIENCE) -> Reported:
        """What became of a file, as soon as it is reported."""
        pattern = f"done/*/{name}.report.json"
        place = self.wait(lambda: next(self.spool.glob(pattern), None), pattern, timeout)
        source = place.with_name(name)
        lines = source.with_name(f"{name}.results.jsonl").read_text().splitlines()
        # The source is moved last.
        self.wait(source.exists, str(source), timeout)
        return Reported(source, json.loads(place.read_text()), [json.loads(x) for x in lines])


# ── fixtures ─────────────────────────────────────────────────────────────────────────────────


class DaemonFactory(Protocol):
    """Makes a daemon, not started yet, for the SMSC on this port of 127.0.0.1.

    `link`, `spool` and `observe` are keys of these sections; they add to, or override, what
    makes tests quick. `more` stands at the end of the configuration as it is.
    """

    def __call__(
        self,
        port: int,
        *,
        link: Mapping[str, object] = ...,
        spool: Mapping[str, object] = ...,
        observe: Mapping[str, object] = ...,
        more: str = ...,
    ) -> Daemon: ...


class SmscFactory(Protocol):
    """Starts an SMSC; the command prints "listening on HOST:PORT" and ends at SIGTERM."""

    def __call__(self, command: Sequence[str], name: str = ...) -> Smsc: ...


_PROGRAMS = pytest.StashKey[list[Program]]()


@pytest.fixture
def programs(request: pytest.FixtureRequest) -> Iterator[list[Program]]:
    """Every program that this test started."""
    started: list[Program] = request.node.stash.setdefault(_PROGRAMS, [])
    with ExitStack() as stack:
        yield started
        for program in started:
            stack.callback(program.clean_up)


@pytest.fixture
def short_folder() -> Iterator[Path]:
    """A folder whose path leaves room for a socket's name, wherever $TMPDIR may be."""
    folder = Path(tempfile.mkdtemp(prefix="smppd-", dir="/tmp"))
    yield folder
    shutil.rmtree(folder)


@pytest.fixture
def tmp_path(short_folder: Path) -> Path:
    """On a disk: that its syncs take time is what a kill is to meet."""
    folder = short_folder / "more"
    folder.mkdir()
    return folder


@pytest.fixture
def smsc_factory(programs: list[Program], short_folder: Path) -> SmscFactory:
    """See `SmscFactory`."""

    def start(command: Sequence[str], name: str = "smsc") -> Smsc:
        program = Program(name, command, short_folder / f"{name}{len(programs)}.log")
        programs.append(program)
        program.start()
        listening = re.compile(r"^listening on .*:(\d+)$", re.MULTILINE)
        found = program.wait(lambda: listening.search(program.log), "port")
        return Smsc(program, int(found[1]))

    return start


@pytest.fixture
def daemon_factory(programs: list[Program], short_folder: Path) -> DaemonFactory:
    """See `DaemonFactory`."""

    def make(
        port: int,
        *,
        link: Mapping[str, object] | None = None,
        spool: Mapping[str, object] | None = None,
        observe: Mapping[str, object] | None = None,
        more: str = "",
    ) -> Daemon:
        folder = short_folder / str(len(programs))
        folder.mkdir()
        account = {
            "host": "127.0.0.1",
            "port": port,
            "system_id": SYSTEM_ID,
            "password_file": "password",
            "reconnect_min": "50ms",
            "retry_min": "50ms",
        }
        sections: dict[str, Mapping[str, object]] = {
            "spool": {
                "path": "spool",
                "poll_interval": "100ms",
                "settle": "100ms",
                **(spool or {}),
            },
            "journal": {"path": "journal.db"},
            f"link.{Daemon.link}": {**account, **(link or {})},
            "observe": {"listen": "", "control": "control.sock", **(observe or {})},
        }
        text = "\n".join(_section(name, keys) for name, keys in sections.items())
        daemon = Daemon(folder, text + more)
        programs.append(daemon.program)
        return daemon

    return make


@pytest.fixture
def site(
    smsc_factory: SmscFactory, daemon_factory: DaemonFactory, tmp_path: Path
) -> Iterator[Site]:
    """A daemon that can be reloaded, not opened yet; it ends as it should with the test."""
    found = Site(smsc_factory, daemon_factory, tmp_path)
    yield found
    found.end()


def _section(name: str, keys: Mapping[str, object]) -> str:
    # What JSON and TOML have in common is enough here.
    lines = [f"{key} = {json.dumps(value, ensure_ascii=False)}" for key, value in keys.items()]
    return "\n".join([f"[{name}]", *lines, ""])


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item,
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Show the logs of a test that failed."""
    report = yield
    if report.failed:
        for program in item.stash.get(_PROGRAMS, []):
            if program.log_file.exists():
                report.sections.append((f"log of {program.name}", program.log[-SHOWN:]))
    return report
