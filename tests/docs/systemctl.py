"""A stand-in for systemctl in the manual's sandbox: the real daemon, started and stopped by its pid.

`systemctl.py ROOT start|stop|restart|reload|is-active smppd`, as the unit would do it.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

PATIENCE = 60.0


def main(root: Path, action: str) -> int:
    """Do it; the exit status."""
    pid = root / "pid"
    if action in {"stop", "restart"} and pid.exists():
        _stop(int(pid.read_text()))
        pid.unlink()
    if action in {"start", "restart"}:
        return _start(root, pid)
    if action == "reload":
        reload = [str(root / "bin" / "smppd"), "reload"]
        return subprocess.run(reload, stdout=subprocess.DEVNULL, check=False).returncode
    if action == "is-active":
        up = pid.exists() and _alive(int(pid.read_text()))
        print("active" if up else "inactive")  # noqa: T201
        return 0 if up else 3
    return 0


def _start(root: Path, pid: Path) -> int:
    with (root / "log").open("ab") as log:
        daemon = subprocess.Popen(
            [str(root / "bin" / "smppd"), "run"],
            cwd=root,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
    pid.write_text(str(daemon.pid))
    until = time.monotonic() + PATIENCE
    while time.monotonic() < until and daemon.poll() is None:
        asked = subprocess.run(
            [str(root / "bin" / "smppd"), "status"], capture_output=True, check=False
        )
        if asked.returncode == 0:
            return 0
        time.sleep(0.05)
    return 1


def _stop(pid: int) -> None:
    os.kill(pid, signal.SIGTERM)
    until = time.monotonic() + PATIENCE
    while time.monotonic() < until:
        if not _alive(pid):
            return
        time.sleep(0.02)
    raise SystemExit("smppd does not stop")


def _alive(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state != "Z"


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), sys.argv[2]))
