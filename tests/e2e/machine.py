"""A machine with a systemd of its own, for as long as a test needs it: namespaces and an overlay over this
one's files, of which nothing is left.

smppd lies there as it would be installed: units and their companions where packages put them, and the
program in /opt/smppd, out of this checkout and this Python.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import sysconfig
import tempfile
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import TypeVar

T = TypeVar("T")

ROOT = Path(__file__).resolve().parents[2]
PATIENCE = 60.0
LOOK_EVERY = 0.05

#: What this machine may have installed, and what has no business there.
MASKED = (
    "systemd-udevd.service",
    "systemd-udev-trigger.service",
    "systemd-udev-settle.service",
    "systemd-timesyncd.service",
    "systemd-logind.service",
    "systemd-networkd.service",
    "systemd-networkd-wait-online.service",
    "NetworkManager-wait-online.service",
    "networking.service",
    "ifupdown-wait-online.service",
    "systemd-resolved.service",
    "systemd-pstore.service",
    "systemd-journal-flush.service",
    "systemd-hwdb-update.service",
    "systemd-random-seed.service",
    "systemd-firstboot.service",
    "systemd-update-utmp.service",
    "systemd-remount-fs.service",
    "dev-hugepages.mount",
    "dev-mqueue.mount",
    "sys-kernel-debug.mount",
    "sys-kernel-tracing.mount",
    "sys-fs-fuse-connections.mount",
    "sys-kernel-config.mount",
    "apparmor.service",
    "kmod-static-nodes.service",
    "systemd-modules-load.service",
    "e2scrub_reap.service",
    "proc-sys-fs-binfmt_misc.automount",
    "systemd-binfmt.service",
    "timers.target",
    "remote-fs.target",
)

#: Users: one who may hand in, one who may command the daemon, and one who may nothing.
USERS = "u alice -\nm alice smppd-submit\nu olga -\nm olga smppd\nu mallory -\n"


def why_not() -> str:
    """Why there can be no such machine here; empty when there can."""
    if sys.platform != "linux" or os.geteuid() != 0:
        return "needs root, to make namespaces"
    needed = ("unshare", "nsenter", "setpriv", "ip", "systemctl", "systemd-analyze")
    if lacking := [name for name in needed if shutil.which(name) is None]:
        return f"needs {', '.join(lacking)}"
    if not Path("/lib/systemd/systemd").exists():
        return "needs systemd"
    cgroups = _cgroups()
    if cgroups is None or not os.access(cgroups, os.W_OK):
        return "needs a cgroup2 that may be written"
    probe = "mkdir $1/up $1/work $1/root && mount -t overlay o -o lowerdir=/,upperdir=$1/up,workdir=$1/work $1/root"
    command = f'mount -t tmpfs tmpfs "$1" && {probe}'
    with ExitStack() as stack:
        folder = _folder(stack)
        unshare = ["unshare", "--net", "--pid", "--fork", "--mount", "--cgroup"]
        done = _run([*unshare, "sh", "-c", command, "sh", str(folder)])
    return f"namespaces and overlays are not allowed here: {done.stderr}" if done.returncode else ""


class Machine:
    """A context manager: boots, and leaves nothing behind, whatever happens."""

    def __enter__(self) -> Machine:
        with ExitStack() as stack:
            self.folder = _folder(stack)
            _lay_out(self.folder)
            self._log = stack.enter_context((self.folder / "log").open("w+b"))
            self.cgroup = _cgroup(stack)
            self._boot(stack)
            self._pid = self.wait(self._child, "first process")
            self.root = Path(f"/proc/{self._pid}/root")
            # What boots it is no part of it.
            with suppress(OSError):
                (self.cgroup.parent / "cgroup.procs").write_text(str(self._outer.pid))
            states = ("running", "degraded")
            self.wait(lambda: self._state() in states, "end of the boot")
            assert self._state() == "running", self.run("systemctl", "--failed").stdout
            self.check("systemd-sysusers")
            self.check("systemd-tmpfiles", "--create", "smppd.conf")
            self._stack = stack.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def _boot(self, stack: ExitStack) -> None:
        places = [sys.base_prefix, sysconfig.get_paths()["purelib"], str(ROOT / "smppd")]
        script = str(Path(__file__).with_name("boot_systemd.sh"))
        # Should these tests be killed, it is, too.
        command = [
            "setpriv",
            "--pdeathsig",
            "KILL",
            "bash",
            script,
            str(self.folder),
            str(self.cgroup),
        ]
        self._outer = subprocess.Popen(
            [*command, *places], stdin=subprocess.DEVNULL, stdout=self._log, stderr=self._log
        )
        stack.callback(self._end)

    def _end(self) -> None:
        with suppress(OSError, subprocess.TimeoutExpired):
            child = self._child()
            if child is not None:
                os.kill(child, 9)  # it is the init of everything there
                self._outer.wait(PATIENCE)
        self._outer.kill()
        self._outer.wait()

    def _child(self) -> int | None:
        """The process that is its init, once it is systemd."""
        outer = self._outer.pid
        children = Path(f"/proc/{outer}/task/{outer}/children").read_text().split()
        if children and Path(f"/proc/{children[0]}/comm").read_text() == "systemd\n":
            return int(children[0])
        return None

    def _state(self) -> str:
        return self.run("systemctl", "is-system-running").stdout.strip()

    # ── what is done there ───────────────────────────────────────────────────────────────────

    def inside(self, *command: str, user: str = "") -> list[str]:
        """The command line of what is to run there, as this user."""
        enter = ["nsenter", "-t", str(self._pid), "-m", "-p", "-i", "-u", "-C", "-n", "-r", "-w"]
        become = ["setpriv", f"--reuid={user}", f"--regid={user}", "--init-groups", "--reset-env"]
        return [*enter, "--", *(become if user else []), *command]

    def run(self, *command: str, user: str = "") -> subprocess.CompletedProcess[str]:
        """Run it there to its end."""
        return _run(self.inside(*command, user=user))

    def check(self, *command: str, user: str = "") -> str:
        """Run it, which must go well; what it printed."""
        done = self.run(*command, user=user)
        assert done.returncode == 0, f"{' '.join(command)}: {done.stdout}{done.stderr}"
        return done.stdout

    def show(self, unit: str, name: str) -> str:
        """A property of a unit."""
        return self.check("systemctl", "show", "--value", "-p", name, unit).strip()

    def journal(self, unit: str) -> str:
        """What a unit has said, and what was said of it."""
        return self.run("journalctl", "--no-pager", "-o", "cat", "-u", unit).stdout

    def path(self, place: str) -> Path:
        """A place there, as seen from here."""
        return self.root / place.lstrip("/")

    def pid_here(self, unit: str) -> int:
        """The main process of a unit, as it is called outside."""
        cgroup = self.show(unit, "ControlGroup")
        inside = self.show(unit, "MainPID")
        for pid in (self.cgroup / cgroup.lstrip("/") / "cgroup.procs").read_text().split():
            status = Path(f"/proc/{pid}/status").read_text()
            if f"\t{inside}\n" in status.partition("NSpid:")[2].partition("NStgid")[0]:
                return int(pid)
        raise AssertionError(f"{unit} has no process")

    def wait(self, look: Callable[[], T | None], what: str, timeout: float = PATIENCE) -> T:
        """What `look` finds, as soon as that is neither None nor False."""
        until = time.monotonic() + timeout
        while True:
            found = look()
            if found is not None and found is not False:
                return found
            assert self._outer.poll() is None, f"the machine has ended: {self._said()}"
            assert time.monotonic() < until, f"no {what} within {timeout:g} s: {self._said()}"
            time.sleep(LOOK_EVERY)

    def _said(self) -> str:
        self._log.seek(0)
        return self._log.read().decode(errors="replace")[-4000:]


def _run(command: Sequence[str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=PATIENCE * 2,
        check=False,
    )


def _folder(stack: ExitStack) -> Path:
    for stale in _stale(Path("/tmp"), "smppd-machine-"):
        shutil.rmtree(stale)
    folder = Path(tempfile.mkdtemp(prefix=f"smppd-machine-{os.getpid()}-", dir="/tmp"))
    stack.callback(shutil.rmtree, folder)
    return folder


def _stale(place: Path, prefix: str) -> list[Path]:
    """What was left by tests that were killed themselves; their machines ended with them."""
    found = [(each, each.name.removeprefix(prefix)) for each in place.glob(f"{prefix}*")]
    return [each for each, rest in found if not Path("/proc", rest.split("-")[0]).exists()]


def _cgroups() -> Path | None:
    mounts = [line.split() for line in Path("/proc/mounts").read_text().splitlines()]
    return next((Path(mount[1]) for mount in mounts if mount[2] == "cgroup2"), None)


def _cgroup(stack: ExitStack) -> Path:
    above = _cgroups()
    assert above is not None
    for stale in _stale(above, "smppd-test-"):
        _remove_cgroup(stale)
    cgroup = above / f"smppd-test-{os.getpid()}-{time.monotonic_ns()}"
    cgroup.mkdir()
    stack.callback(_remove_cgroup, cgroup)
    return cgroup


def _remove_cgroup(cgroup: Path) -> None:
    """Once what was in it has ended, which takes the kernel a moment."""
    until = time.monotonic() + PATIENCE
    folders = [cgroup, *(each for each in cgroup.rglob("*") if each.is_dir())]
    for folder in sorted(folders, reverse=True):
        while True:
            try:
                folder.rmdir()
            except FileNotFoundError:
                break
            except OSError:
                if time.monotonic() > until:
                    raise
                time.sleep(LOOK_EVERY)
            else:
                break


def _lay_out(folder: Path) -> None:
    """What is laid over the machine's files."""
    units = folder / "etc/systemd/system"
    units.mkdir(parents=True)
    for name in MASKED:
        (units / name).symlink_to("/dev/null")
    (units / "smppd-test.target").write_text(
        "[Unit]\nRequires=basic.target\nAfter=basic.target\nAllowIsolate=yes\n"
    )
    for unit in (ROOT / "systemd").glob("*.service"):
        shutil.copy(unit, units)
    for kind in ("sysusers", "tmpfiles"):
        place = folder / f"etc/{kind}.d"
        place.mkdir()
        shutil.copy(ROOT / "systemd" / f"smppd.{kind}", place / "smppd.conf")
    (folder / "etc/sysusers.d/smppd-test.conf").write_text(USERS)
    _lay_out_program(folder / "opt/smppd")


def _lay_out_program(place: Path) -> None:
    """A virtual environment whose Python and packages are bound to /opt/smppd-test."""
    there = "/opt/smppd-test"
    version = f"python{sys.version_info.major}.{sys.version_info.minor}"
    packages = place / "lib" / version / "site-packages"
    packages.mkdir(parents=True)
    for entry in Path(sysconfig.get_paths()["purelib"]).iterdir():
        if entry.suffix != ".pth" and not entry.name.startswith(
            ("smppd", "_smppd", "__editable__")
        ):
            (packages / entry.name).symlink_to(f"{there}/packages/{entry.name}")
    (packages / "smppd").symlink_to(f"{there}/sources")
    (place / "bin").mkdir()
    (place / "bin/python").symlink_to(f"{there}/python/bin/{version}")
    (place / "pyvenv.cfg").write_text(f"home = {there}/python/bin\n")
    program = place / "bin/smppd"
    # A shared library of this Python's is looked for where it was installed, too.
    program.write_text(
        f'#!/bin/sh\nLD_LIBRARY_PATH={there}/python/lib exec /opt/smppd/bin/python -m smppd "$@"\n'
    )
    program.chmod(0o755)
