"""A guarded process: nobody else can look into it, it leaves no core, and makes no file for everybody."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

#: With a secret in its environment, as another user, guarded or not: what its child of the same user may
#: read of it, whether it leaves a core, and the mode of a file that it makes.
_PROGRAM = """
import os, resource, sys
sys.path.insert(0, {root!r})
from smppd.guarding import guard_process
if os.geteuid() == 0:
    os.setgroups([]); os.setgid(65534); os.setuid(65534)
_, most = resource.getrlimit(resource.RLIMIT_CORE)
resource.setrlimit(resource.RLIMIT_CORE, (most, most))
import ctypes
ctypes.CDLL(None).prctl(4, 1, 0, 0, 0)  # as it is for one that has not changed its user
os.umask(0o022)
if sys.argv[1] == "guarded":
    guard_process()
looked = os.fork()
if looked == 0:
    # Of another program a child could be: it is dumpable, its father decides.
    try:
        seen = b"SECRET_OF_OURS" in open(f"/proc/{{os.getppid()}}/environ", "rb").read()
    except PermissionError:
        seen = None
    os._exit({{True: 1, False: 2, None: 3}}[seen])
print("environ", os.waitstatus_to_exitcode(os.waitpid(looked, 0)[1]))
print("core", resource.getrlimit(resource.RLIMIT_CORE)[0])
print("dumpable", ctypes.CDLL(None).prctl(3, 0, 0, 0, 0))
os.close(os.open(sys.argv[2], os.O_CREAT | os.O_WRONLY, 0o666))
print("mode", oct(os.stat(sys.argv[2]).st_mode & 0o777))
dying = os.fork()
if dying == 0:
    os.abort()
print("dumped", os.WCOREDUMP(os.waitpid(dying, 0)[1]))
"""


def _run(how: str, folder: Path) -> dict[str, str]:
    program = _PROGRAM.format(root=str(Path(__file__).resolve().parents[1]))
    done = subprocess.run(
        [sys.executable, "-c", program, how, str(folder / how)],
        env={"SECRET_OF_OURS": "1", "PATH": os.environ["PATH"]},
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return dict(line.split(" ", 1) for line in done.stdout.splitlines())


@pytest.fixture
def open_folder() -> Path:
    """Where whoever it becomes may write; pytest's own are closed to others."""
    folder = Path(f"/tmp/smppd-guarding-{os.getpid()}")
    folder.mkdir(exist_ok=True)
    folder.chmod(0o777)
    return folder


def test_a_guarded_process_tells_nothing(open_folder: Path) -> None:
    try:
        plain, guarded = _run("plain", open_folder), _run("guarded", open_folder)
    finally:
        for file in open_folder.iterdir():
            file.unlink()
        open_folder.rmdir()
    assert plain["environ"] == "1", "else this test shows nothing"
    assert (plain["dumpable"], plain["mode"]) == ("1", "0o644")
    assert guarded["environ"] == "3"
    assert (guarded["core"], guarded["dumpable"], guarded["dumped"]) == ("0", "0", "False")
    assert guarded["mode"] == "0o640"
