"""Where the manual's commands run: a machine of their own as far as they can tell.

`/etc/smppd` and its like are folders of a temporary one, the hosts and ports of the examples are
those of a simulated SMSC and provider, and `systemctl` and `journalctl` are stand-ins that start
and stop the real daemon with real signals. Nothing outside the folder is touched.
"""

from __future__ import annotations

import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path

from tests.docs.blocks import Block

#: Seconds for one block, and for the simulator to listen.
PATIENCE = 90.0

#: What is installed, for whoever the manual speaks to.
_PLACES = (
    "/etc/smppd",
    "/var/spool/smppd",
    "/var/lib/smppd",
    "/run/smppd",
    "/var/backups",
    "/usr/local/bin",
)

_PLACED = re.compile(r"(?<![\w./-])/(?:etc/smppd|var|run/smppd|usr/local/bin)\b")

_SMPPD = '#!/bin/sh\nexec "{python}" -m smppd "$@"\n'
_PYTHON = '#!/bin/sh\nexec "{python}" "$@"\n'
_AS_ANOTHER = '#!/bin/sh\nwhile :; do case "$1" in -u) shift 2 ;; --) shift; break ;; *) break ;; esac; done\nexec "$@"\n'
_JOURNALCTL = '#!/bin/sh\ncat "{root}/log"\n'
_SYSTEMCTL = '#!/bin/sh\nexec "{python}" "{here}/systemctl.py" "{root}" "$@"\n'

_CONFIG = """\
[spool]
path = "/var/spool/smppd"

[journal]
path = "/var/lib/smppd/journal.db"

[link.main]
host = "smpp.example.net"
port = 2775
system_id = "acme"
password_file = "/etc/smppd/password"
from = "ACME"

[http.marketing]
url = "https://www.example.net/api/http/"
user = "me@example.net"
password_file = "/etc/smppd/password"
from = "ACME"

[chat]
poll_interval = "1s"

[[chat.channel]]
platform = "whatsapp"
platformid = "100"

[events]
stream = true

[observe]
listen = "127.0.0.1:9775"
control = "/run/smppd/control.sock"
"""


#: What the provider has and does in the examples.
_PROVIDER = (
    "--listen=127.0.0.1:0",
    "--mo-count=1",
    "--mo-source=34600000001",
    "--mo-destination=2580",
    "--mo-text=Hasta luego",
    "--http-listen=127.0.0.1:0",
    "--http-group-id",
    "--http-group=id=7,name=all",
    "--http-template=id=1000,text=Hi <name>",
    "--http-channel=platform=whatsapp,platformid=100,name=Shop",
    "--chat-letter=platform=whatsapp,platformid=100,source=34600000001,text=Are you open?",
)


class Sandbox:
    """The folder, what the simulator listens on, and whatever of the manual's own is running."""

    def __init__(self, root: Path, smpp_port: int, http_url: str) -> None:
        self.root = root
        self.home = root / "home"
        self._names = {
            "smpp.example.net": "127.0.0.1",
            "127.0.0.1:2775": f"127.0.0.1:{smpp_port}",
            "port = 2775": f"port = {smpp_port}",
            "https://www.example.net/api/http/": http_url,
            "127.0.0.1:9775": f"127.0.0.1:{_free_port()}",
            "127.0.0.1:8080": f"127.0.0.1:{_free_port()}",
        }
        self._make()

    def _make(self) -> None:
        for place in (*_PLACES, "/home", "/bin"):
            (self.root / place.lstrip("/")).mkdir(parents=True)
        here = Path(__file__).parent
        stand_ins = {
            "smppd": _SMPPD,
            "python3": _PYTHON,
            "sudo": _AS_ANOTHER,
            "runuser": _AS_ANOTHER,
            "journalctl": _JOURNALCTL,
            "systemctl": _SYSTEMCTL,
        }
        for name, text in stand_ins.items():
            path = self.root / "bin" / name
            path.write_text(text.format(python=sys.executable, root=self.root, here=here))
            path.chmod(0o755)

    def configure(self) -> None:
        """What a reader has who did not begin with the first start."""
        etc = self.root / "etc/smppd"
        (etc / "password").write_text("secret\n")
        (etc / "smppd.toml").write_text(self.inside(_CONFIG))

    def inside(self, text: str) -> str:
        """The manual's text with the names that things have here."""
        for public, own in self._names.items():
            text = text.replace(public, own)
        return _PLACED.sub(rf"{self.root}\g<0>", text)

    def outside(self, text: str) -> str:
        """What a command has printed, as it would on the reader's machine."""
        return text.replace(str(self.root), "")

    def start(self) -> None:
        """Start the daemon, as `systemctl start smppd` would."""
        self._run("systemctl start smppd", {})

    def do(self, block: Block, environ: Mapping[str, str]) -> None:
        """Write, add or run a block, and hold it to what the manual says of it."""
        text = self.inside(block.text)
        if name := block.marks.get("add to"):
            with Path(self.inside(name)).open("a") as file:
                file.write(f"\n{text}")
        elif name := block.marks.get("file"):
            path = self.home / self.inside(name)
            path.write_text(text)
            path.chmod(0o755)
        elif block.is_program:
            self._run_block(block, text, environ)

    def _run_block(self, block: Block, text: str, environ: Mapping[str, str]) -> None:
        for command, more in _commands(block.kind, text):
            done = self._run(command, {**environ, **more})
            said = self.outside(done.stdout)
            about = f"line {block.line}: {command}\n{said}\n{done.stderr}\n{self._log()}"
            assert done.returncode == int(block.marks.get("exit", "0")), about
            if block.prints is not None:
                assert _as_told(block.prints).fullmatch(said.strip()), about

    def _run(self, command: str, environ: Mapping[str, str]) -> subprocess.CompletedProcess[str]:
        own = {
            "PATH": f"{self.root / 'bin'}:{os.environ['PATH']}",
            "HOME": str(self.home),
            "SMPPD_CONFIG": f"{self.root}/etc/smppd/smppd.toml",
            "TERM": "dumb",
            "COLUMNS": "120",
        }
        with tempfile.TemporaryFile("w+") as out, tempfile.TemporaryFile("w+") as err:
            # Into files, which what a block leaves running in its background may keep open.
            done = subprocess.run(
                ["bash", "-euo", "pipefail", "-c", command],
                cwd=self.home,
                env={**os.environ, **own, **environ},
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=err,
                timeout=PATIENCE,
                check=False,
                start_new_session=True,
            )
            out.seek(0)
            err.seek(0)
            return subprocess.CompletedProcess(command, done.returncode, out.read(), err.read())

    def _log(self) -> str:
        log = self.root / "log"
        return log.read_text()[-4000:] if log.exists() else ""

    def clear(self) -> None:
        """End what still runs in here, found by its folder, and remove it."""
        for process in Path("/proc").glob("[0-9]*"):
            with suppress(OSError, ValueError):
                if (process / "cwd").resolve().is_relative_to(self.root):
                    os.kill(int(process.name), signal.SIGKILL)
        shutil.rmtree(self.root, ignore_errors=True)


def _commands(kind: str, text: str) -> Iterator[tuple[str, dict[str, str]]]:
    """A block's commands, each with the variables that stand before it in a crontab."""
    if kind != "cron":
        interpreter = {"python": "python3 - <<'END'\n", "php": "php <<'END'\n"}.get(kind)
        yield (f"{interpreter}{text}END\n" if interpreter else text), {}
        return
    variables: dict[str, str] = {}
    for line in text.splitlines():
        if found := re.fullmatch(r"([A-Z_]+)=(.*)", line):
            variables[found[1]] = found[2]
        elif line and not line.startswith("#"):
            yield line.split(maxsplit=5)[-1].replace(r"\%", "%"), dict(variables)


def _as_told(prints: str) -> re.Pattern[str]:
    """The output that the manual shows; `…` in it stands for anything."""
    lines = (re.escape(each).replace("…", ".*?") for each in prints.strip().splitlines())
    return re.compile(r"\n".join(lines), re.DOTALL)


def _free_port() -> int:
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        return int(held.getsockname()[1])


@contextmanager
def sandbox() -> Iterator[Sandbox]:
    """A sandbox with its simulator; all of it is gone at the end."""
    root = Path(tempfile.mkdtemp(prefix="smppd-docs-"))
    log = root / "simulator.log"
    with log.open("wb") as out:
        simulator = subprocess.Popen(
            [sys.executable, "-m", "smppd", "simulate", *_PROVIDER],
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=subprocess.STDOUT,
        )
    place: Sandbox | None = None
    try:
        place = Sandbox(root, *_listening(log))
        yield place
    finally:
        simulator.kill()
        simulator.wait()
        if place is None:
            shutil.rmtree(root)
        else:
            place.clear()


def _listening(log: Path) -> tuple[int, str]:
    until = time.monotonic() + PATIENCE
    while time.monotonic() < until:
        said = log.read_text()
        port = re.search(r"^listening on .*:(\d+)$", said, re.MULTILINE)
        url = re.search(r"^HTTP APIs: (\S+/api/http/) ", said, re.MULTILINE)
        if port and url:
            return int(port[1]), url[1]
        time.sleep(0.05)
    raise AssertionError(f"the simulator does not listen: {log.read_text()}")
