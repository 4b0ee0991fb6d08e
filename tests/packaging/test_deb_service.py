"""The Debian package on a machine with a systemd that runs: what is installed is a service."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.machine import Machine, why_not
from tests.packaging.building import lacking, next_version

pytestmark = pytest.mark.skipif(bool(why := lacking() or why_not()), reason=why)

UNIT = "smppd.service"
CONFIG = """\
[link.main]
host = "127.0.0.1"
port = 2775
system_id = "acme"
password_file = "password"
"""


@pytest.fixture
def machine() -> Iterator[Machine]:
    """One without any smppd."""
    with Machine() as booted:
        for place in ("systemd/system/smppd.service", "systemd/system/smppd@.service"):
            booted.path(f"/etc/{place}").unlink()
        for kind in ("sysusers", "tmpfiles"):
            booted.path(f"/etc/{kind}.d/smppd.conf").unlink()
        booted.path("/usr/sbin/policy-rc.d").unlink(missing_ok=True)
        booted.check("rm", "-rf", "/opt/smppd", "/var/spool/smppd")
        booted.check("systemctl", "daemon-reload")
        yield booted


def install(machine: Machine, package: Path) -> str:
    """What dpkg says."""
    shutil.copy(package, machine.path("/tmp/smppd.deb"))
    done = machine.run("dpkg", "--force-unsafe-io", "--no-triggers", "-i", "/tmp/smppd.deb")
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


def test_a_service_from_its_installation_to_its_removal(
    machine: Machine, package: Path, tmp_path: Path
) -> None:
    assert "smppd is not started" in install(machine, package)
    assert machine.check("systemctl", "is-enabled", UNIT).strip() == "enabled"
    assert machine.show(UNIT, "ActiveState") == "inactive"

    machine.path("/etc/smppd/smppd.toml").write_text(CONFIG)
    machine.path("/etc/smppd/password").write_text("secret\n")
    simulate = ["smppd", "simulate", "--listen=127.0.0.1:2775", "--password=secret"]
    machine.check("systemd-run", "--quiet", "--unit=smsc", *simulate)
    machine.check("systemctl", "start", UNIT)
    assert machine.show(UNIT, "ActiveState") == "active"
    hand_in = ("smppd", "submit", "--to=+34600000001", "--text=Hola", "--wait", "--timeout=30s")
    assert "1 delivered" in machine.check(*hand_in, "--id=before", user="alice")

    before = machine.show(UNIT, "MainPID")
    install(machine, next_version(package, "99.0", tmp_path))
    assert machine.show(UNIT, "ActiveState") == "active"
    assert machine.show(UNIT, "MainPID") != before
    assert "delivered" in machine.check("smppd", "show", "before", user="smppd")
    assert "1 delivered" in machine.check(*hand_in, "--id=after", user="alice")
    machine.check("smppd", "audit", user="smppd")

    machine.check("systemctl", "stop", UNIT)
    install(machine, next_version(package, "99.1", tmp_path))
    assert machine.show(UNIT, "ActiveState") == "inactive"  # somebody had stopped it

    machine.check("systemctl", "start", UNIT)
    machine.check("dpkg", "--force-unsafe-io", "--no-triggers", "-r", "smppd")
    assert machine.show(UNIT, "ActiveState") == "inactive"
    assert not machine.path("/opt/smppd/bin").exists()
    assert machine.path("/var/lib/smppd/journal.db").exists()
