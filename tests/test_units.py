"""The units of systemd: hardened, alike, and of the same mind as the daemon about its spool.

Whether they work is tested on a systemd of its own: `tests/e2e/test_systemd.py`.
"""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from smppd.spool.folders import FOLDERS, prepare_root

UNITS = Path(__file__).resolve().parents[1] / "systemd"


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="needs systemd-analyze")
@pytest.mark.parametrize("unit", ["smppd.service", "smppd@.service"])
def test_hardened(unit: str) -> None:
    command = ["systemd-analyze", "security", "--offline=true", "--threshold=13", str(UNITS / unit)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    (score,) = re.findall(r"Overall exposure level .*: ([0-9.]+)", done.stdout)
    assert float(score) <= 1.3


def test_an_instance_is_like_the_one_daemon() -> None:
    """But for its names, and the spool, which nobody makes before it."""

    def settings(unit: str) -> list[str]:
        lines = (UNITS / unit).read_text().splitlines()
        return [line for line in lines[lines.index("[Unit]") :] if line and line[0] != "#"]

    several = "\n".join(settings("smppd@.service"))
    several = several.replace("%i.password", "password")
    several = several.replace("/etc/smppd/%i.toml", "/etc/smppd/smppd.toml")
    several = several.replace(", %i", "").replace("-%i", "")
    assert set(several.splitlines()) - set(settings("smppd.service")) == {
        "ExecStartPre=+/usr/bin/install -d -m 2751 -o smppd -g smppd-submit /var/spool/smppd",
        "ExecStartPre=+/usr/bin/install -d -m 2770 -o smppd -g smppd /var/spool/smppd/received"
        " /var/spool/smppd/received/new",
    }
    assert set(settings("smppd.service")) <= set(several.splitlines())


def test_folders_are_made_alike(tmp_path: Path) -> None:
    """By systemd-tmpfiles and by the daemon; only `received/` is for others, see there."""
    tmp_path.chmod(0o2751)  # operators pass through
    assert prepare_root(tmp_path) is None
    lines = (UNITS / "smppd.tmpfiles").read_text().splitlines()
    *made, socket = [line.split() for line in lines if not line.startswith("#")]
    unit = (UNITS / "smppd.service").read_text()
    assert socket == ["d", "/run/smppd", "0750", "smppd", "smppd", "-"]
    assert "RuntimeDirectory=smppd\nRuntimeDirectoryMode=0750\n" in unit
    assert made[0][1] == "/var/spool/smppd"
    assert {each[1].removeprefix("/var/spool/smppd/") for each in made[1:]} == set(FOLDERS)
    for kind, place, mode, user, group, age in made:
        assert (kind, user, age) == ("d", "smppd", "-")
        name = place.removeprefix("/var/spool/smppd").strip("/")
        if name.partition("/")[0] == "received":
            assert group == "smppd"
            continue
        assert group == "smppd-submit"
        assert oct((tmp_path / name).stat().st_mode & 0o7777) == oct(int(mode, 8))
