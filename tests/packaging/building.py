"""The Debian package, as packaging/build-deb makes it."""

from __future__ import annotations

import fcntl
import os
import shutil
import subprocess
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
#: Seconds to build it, or for what is done with it.
PATIENCE = 300
PACKAGES = ("python3-venv", "systemd", "init-system-helpers")


def lacking() -> str:
    """Why the package cannot be built and installed here; empty when it can."""
    if os.geteuid() != 0:
        return "needs root, to install anything"
    for program in ("dpkg-deb", "unshare", "chroot", "runuser"):
        if shutil.which(program) is None:
            return f"needs {program}"
    for package in PACKAGES:
        if subprocess.run(["dpkg", "-s", package], capture_output=True, check=False).returncode:
            return f"needs the package {package}, which .ci/run installs"
    return ""


def build(folder: Path) -> Path:
    """The package, in this folder; it takes twenty seconds, and is built there once, for all processes
    that share the tests."""
    folder.mkdir(exist_ok=True)
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not list(folder.glob("*.deb")):
            command = [str(ROOT / "packaging" / "build-deb"), str(folder)]
            done = subprocess.run(
                command, capture_output=True, text=True, timeout=PATIENCE, check=False
            )
            assert done.returncode == 0, done.stderr
    (built,) = folder.glob("*.deb")
    return built


def next_version(package: Path, version: str, folder: Path) -> Path:
    """The same with another version."""
    root = folder / f"root-{version}"
    subprocess.run(["dpkg-deb", "-R", str(package), str(root)], check=True)
    control = root / "DEBIAN" / "control"
    lines = control.read_text().splitlines()
    lines = [f"Version: {version}" if line.startswith("Version: ") else line for line in lines]
    control.write_text("\n".join(lines) + "\n")
    built = folder / f"smppd_{version}.deb"
    command = ["dpkg-deb", "--root-owner-group", "-Znone", "-b", str(root), str(built)]
    subprocess.run(command, check=True, capture_output=True)
    shutil.rmtree(root)
    return built
