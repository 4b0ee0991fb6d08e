"""What the demo plays on: a simulated SMSC and a daemon of its own, in a temporary folder.

Both are processes like any other's, started as a user would start them, and stopped by their
pids at the end, however that comes. Ports and paths are free ones, so that several demos, or a
real daemon, may run beside it. Raises `CommandError` when one of them does not come up or dies.
"""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

from smppd.cli.terminal import CommandError
from smppd.control import ControlRefused, ControlUnavailable, ask

T = TypeVar("T")

#: Seconds for each of the two to be ready, and to stop when asked to.
_READY_WITHIN = 30.0
_STOP_WITHIN = 20.0
_LOOK_EVERY = 0.05

_ENDINGS = (signal.SIGTERM, signal.SIGHUP)

#: The path of a Unix socket has at most so many octets (sockaddr_un).
_SOCKET_PATH = 107

#: A template of the provider's, a customer who writes in a chat, and his reply to an answer.
TEMPLATE = "1000"
CUSTOMER = "34600000099"
REPLY = "Thank you, see you later"

#: An SMSC with some distance and with handsets that take their time, but no faults; and the
#: provider's HTTP API beside it.
_SMSC = (
    "--listen=127.0.0.1:0",
    "--system-id=demo",
    "--password=secret",
    "--answer-latency=20ms",
    "--answer-jitter=30ms",
    "--receipt-delay=300ms",
    "--receipt-jitter=1500ms",
    "--http-listen=127.0.0.1:0",
    "--http-user=demo",
    "--http-password=secret",
    "--http-group-id",
    f"--http-template=id={TEMPLATE},text=Hello <name>! We open at nine",
    "--http-channel=platform=whatsapp,platformid=100,name=Shop",
    "--fate-delay=300ms",
    "--fate-jitter=500ms",
    f"--chat-letter=platform=whatsapp,platformid=100,source={CUSTOMER},text=Are you open today?",
    f"--chat-reply={REPLY}",
    "--chat-reply-delay=500ms",
)

_CONFIG = """\
[spool]
path = "spool"

[journal]
path = "journal.db"

[link.demo]
host = "127.0.0.1"
port = {port}
system_id = "demo"
password_file = "password"
from = "smppd demo"
window = 50

[http.api]
url = {url}
user = "demo"
password_file = "password"
from = "smppd demo"
status_after = "500ms"

[http.api.delivery_status]
DELIVRD = "delivered"
ENROUTE = "pending"

[chat]
poll_interval = "1s"

[[chat.channel]]
platform = "whatsapp"
platformid = "100"

[prices]
currency = "EUR"
ES = 0.045
default = 0.08

[observe]
listen = ""
control = {control}
"""


class Stage:
    """The two processes and their folder."""

    def __init__(self, folder: Path, control: Path) -> None:
        self.folder = folder
        self.config = folder / "smppd.toml"
        self.spool = folder / "spool"
        self._control = control
        self._processes: dict[str, subprocess.Popen[bytes]] = {}

    def start(self) -> None:
        """Start both and wait until the link is bound."""
        self._spawn("smsc", ["simulate", *_SMSC])
        port, url = self._await("smsc", self._addresses)
        password = self.folder / "password"
        password.write_text("secret\n")
        password.chmod(0o600)
        control = json.dumps(str(self._control), ensure_ascii=False)
        self.config.write_text(_CONFIG.format(port=port, url=json.dumps(url), control=control))
        self._spawn("daemon", ["run", "--config", str(self.config)])
        self._await("daemon", self._is_bound)

    def stop(self) -> None:
        """Have both stop, the daemon first so that it can take its leave."""
        for name in reversed(self._processes):
            process = self._processes[name]
            if process.poll() is None:
                process.send_signal(signal.SIGTERM)
            try:
                process.wait(_STOP_WITHIN)
            except (subprocess.TimeoutExpired, KeyboardInterrupt):
                process.kill()
                process.wait()

    def states(self) -> dict[str, int]:
        """How many messages are in which state now; empty while the daemon cannot say."""
        states: dict[str, int] = self._status().get("states", {})
        return {state: count for state, count in states.items() if count}

    def check_alive(self) -> None:
        """Raises `CommandError` when one of the two has ended."""
        for name, process in self._processes.items():
            if process.poll() is not None:
                raise CommandError(f"the {name} ended too early: {self._last_words(name)}")

    # ── coming up ────────────────────────────────────────────────────────────────────────────

    def _spawn(self, name: str, words: Sequence[str]) -> None:
        with self._log(name).open("wb") as log:
            self._processes[name] = subprocess.Popen(  # noqa: S603 (our own words)
                [sys.executable, "-m", "smppd", *words],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def _await(self, name: str, ready: Callable[[], T | None]) -> T:
        until = time.monotonic() + _READY_WITHIN
        while time.monotonic() < until:
            self.check_alive()
            found = ready()
            if found is not None:
                return found
            time.sleep(_LOOK_EVERY)
        raise CommandError(
            f"the {name} was not ready within {_READY_WITHIN:g} s: {self._last_words(name)}"
        )

    def _addresses(self) -> tuple[int, str] | None:
        """The port of the SMSC, and the URL of the provider's HTTP API."""
        said = self._log("smsc").read_text(errors="replace")
        port = re.search(r"^listening on .*:(\d+)$", said, re.MULTILINE)
        url = re.search(r"^HTTP APIs: (\S+/api/http/) ", said, re.MULTILINE)
        return (int(port[1]), url[1]) if port and url else None

    def _is_bound(self) -> bool | None:
        for link in self._status().get("links", []):
            if any(session["state"].startswith("bound") for session in link["sessions"]):
                return True
        return None

    def _status(self) -> dict[str, Any]:
        try:
            return ask(self._control, "status")
        except (ControlUnavailable, ControlRefused):
            return {}

    def _log(self, name: str) -> Path:
        return self.folder / f"{name}.log"

    def _last_words(self, name: str) -> str:
        lines = self._log(name).read_text(errors="replace").splitlines() or ["it said nothing"]
        return f"{lines[-1]} (see {self._log(name)})"


@contextmanager
def stage() -> Iterator[Stage]:
    """A stage with both processes running; they are stopped at the end, the folder stays."""
    folder = Path(tempfile.mkdtemp(prefix="smppd-demo-")).resolve()
    control = folder / "control.sock"
    if len(os.fsencode(control)) > _SOCKET_PATH:
        control = Path(tempfile.mkdtemp(prefix="smppd-demo-", dir="/tmp")) / "control.sock"
    before = [(number, signal.signal(number, _interrupt)) for number in _ENDINGS]
    place = Stage(folder, control)
    try:
        place.start()
        yield place
    finally:
        place.stop()
        for number, action in before:
            signal.signal(number, action)


def _interrupt(*_: object) -> None:
    """These signals end a demo as Ctrl-C does, so that nothing is left running."""
    raise KeyboardInterrupt
