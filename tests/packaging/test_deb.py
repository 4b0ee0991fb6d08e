"""The Debian package: built, installed, used, upgraded, removed and purged, on a copy of this machine's
root that is gone afterwards. systemd does not run there: stand-ins write down what it would be told."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from smppd import __version__
from tests.packaging.building import PATIENCE, ROOT, lacking

#: An overlay on the root, seen in a namespace of its own; nothing of it is written to the disk.
_INSIDE = r"""
set -euo pipefail
mount -t tmpfs tmpfs "$1"
mkdir "$1/upper" "$1/work" "$1/root"
mount -t overlay overlay -o "lowerdir=/,upperdir=$1/upper,workdir=$1/work" "$1/root"
cd "$1/root"
mount -t proc proc proc
mount --rbind /dev dev
mount -t tmpfs -o mode=755 tmpfs run
mount -t tmpfs -o mode=1777 tmpfs tmp
rm -rf opt/smppd etc/smppd var/lib/smppd var/spool/smppd usr/bin/smppd
cp "$2"/*.deb tmp/
cp "$3" tmp/script
ip link set lo up 2>/dev/null || true
exec chroot . /usr/bin/env -i PATH=/usr/local/sbin:/usr/sbin:/usr/bin:/sbin:/bin LC_ALL=C.UTF-8 DEBIAN_FRONTEND=noninteractive TERM=dumb bash /tmp/script
"""

_STAND_INS = r"""
set -euo pipefail
for name in systemctl deb-systemd-invoke; do
  printf '#!/bin/sh\necho "%s $*" >> /tmp/told\ncase "$*" in *is-active*) [ -e /tmp/active ] ;; esac\n' $name > /usr/local/sbin/$name
  chmod 755 /usr/local/sbin/$name
done
mkdir -p /run/systemd/system
touch /tmp/told
told() { cat /tmp/told; : > /tmp/told; }
install() { dpkg --force-unsafe-io --no-triggers "$@" > /tmp/dpkg.out 2>&1 || { cat /tmp/dpkg.out; exit 1; }; }
"""

_LIFE = (
    _STAND_INS
    + r"""
echo '--- install'
install -i /tmp/smppd_*_*.deb
cat /tmp/dpkg.out
told
echo '--- installed'
smppd --version
file=$(readlink -f /usr/bin/smppd); echo "$file"; head -1 "$file"
stat -c '%U %G %n' /var/spool/smppd /var/spool/smppd/inbox /etc/smppd/smppd.toml
getent group smppd-submit | cut -d: -f1
man -w smppd smppd.toml smppd-spool
bash -c '. /usr/share/bash-completion/completions/smppd; complete -p smppd'
systemd-analyze verify smppd.service 2>&1 | grep -i smppd || true
dpkg --verify smppd
echo '--- checked'
smppd check | grep -v '^ok' || true
echo '--- demo'
runuser -u smppd -- env HOME=/tmp smppd demo --messages 20 > /tmp/demo.out 2>&1 && echo 'the demo went well' || tail -20 /tmp/demo.out
echo '--- configured'
echo secret > /etc/smppd/password
sed -i 's/^host = .*/host = "127.0.0.1"/' /etc/smppd/smppd.toml
smppd check | grep -v '^ok' || true
echo '--- upgrade of one that does not run'
mkdir /tmp/next
dpkg-deb -R /tmp/smppd_*_*.deb /tmp/next
sed -i 's/^Version: .*/Version: 99.0/' /tmp/next/DEBIAN/control
dpkg-deb --root-owner-group -Znone -b /tmp/next /tmp/next.deb > /dev/null
install -i /tmp/next.deb
told
echo '--- upgrade of one that runs'
touch /tmp/active
sed -i 's/^Version: .*/Version: 99.1/' /tmp/next/DEBIAN/control
echo '# changed' >> /tmp/next/usr/share/smppd/smppd.toml
cat > /tmp/next/DEBIAN/preinst <<'END'
#!/bin/sh
gone=$(echo /opt/smppd/lib/python3.*/site-packages)/gone/__pycache__ # as a Python that root runs meanwhile does
mkdir -p "$gone" && touch "$gone/__init__.cpython-311.pyc"
END
chmod 755 /tmp/next/DEBIAN/preinst
dpkg-deb --root-owner-group -Znone -b /tmp/next /tmp/next.deb > /dev/null
install -i /tmp/next.deb
told
grep '^host' /etc/smppd/smppd.toml
dpkg -L smppd | sort > /tmp/owned
find /opt/smppd | sort | comm -13 /tmp/owned - | sed 's/^/left over: /'
echo '--- removed'
mkdir -p /var/lib/smppd # which the unit makes
echo truth > /var/lib/smppd/journal.db
echo result > /var/spool/smppd/done/result
install -r smppd
told
ls /usr/bin/smppd /opt/smppd 2>/dev/null || true
cat /var/lib/smppd/journal.db /var/spool/smppd/done/result
ls /etc/smppd
echo '--- purged'
install -P smppd
find /opt/smppd -type f 2>/dev/null | head -20 || true
ls -d /var/lib/smppd /var/spool/smppd /usr/bin/smppd /run/smppd 2>/dev/null || true
ls /etc/smppd
dpkg -l smppd 2>/dev/null | grep '^ii' || true
"""
)

_READY = (
    _STAND_INS
    + r"""
mkdir -p /etc/smppd
echo secret > /etc/smppd/password
mv /tmp/smppd.toml /etc/smppd/smppd.toml
install --force-confold -i /tmp/smppd_*_*.deb
told
cat /tmp/dpkg.out
"""
)


pytestmark = pytest.mark.skipif(bool(why := lacking()), reason=why)


def inside(package: Path, script: str, folder: Path) -> str:
    """What the script says on a copy of this machine that has the package in /tmp."""
    mount, file = folder / "mount", folder / "script"
    mount.mkdir()
    file.write_text(script)
    command = [
        "unshare",
        "--mount",
        "--net",
        "--pid",
        "--fork",
        "--propagation=private",
        "--kill-child",
    ]
    command += ["bash", "-c", _INSIDE, "bash", str(mount), str(package.parent), str(file)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE, check=False)
    if "overlay" in done.stderr and "mount" in done.stderr:
        pytest.skip(f"this machine mounts no overlay here: {done.stderr.strip()}")
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_it_says_nothing_of_where_it_was_built(package: Path, tmp_path: Path) -> None:
    subprocess.run(["dpkg-deb", "-R", str(package), str(tmp_path / "all")], check=True)
    foreign = [str(ROOT), str(package.parent), "/tmp/tmp."]
    configured = subprocess.run(
        ["pip", "config", "list"], capture_output=True, text=True, check=False
    )
    foreign += re.findall(r"://(?:[^/\s'@]*@)?([^/\s']{4,})", configured.stdout)
    assert not list((tmp_path / "all").rglob("direct_url.json"))
    for file in (tmp_path / "all").rglob("*"):
        if file.is_file() and not file.is_symlink():
            octets = file.read_bytes()
            assert [word for word in foreign if word.encode() in octets] == [], file
    links = [path for path in (tmp_path / "all").rglob("*") if path.is_symlink()]
    assert {str(link.readlink()) for link in links} <= {
        "/usr/bin/python3", "python3", "lib", "/opt/smppd/bin/smppd",
    }  # fmt: skip


@pytest.mark.skipif(shutil.which("lintian") is None, reason="needs lintian, which .ci/run installs")
def test_debians_own_checker_finds_nothing(package: Path) -> None:
    """What it would say of a virtual environment in /opt is answered in packaging/debian/lintian-overrides."""
    command = ["lintian", "--no-cfg", "--allow-root", "--fail-on=error,warning", str(package)]
    done = subprocess.run(
        command,
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
        env={**os.environ, "LC_ALL": "C.UTF-8"},
    )
    assert (done.returncode, done.stdout) == (0, ""), done.stdout + done.stderr


def test_from_its_installation_to_its_purge(package: Path, tmp_path: Path) -> None:
    said = inside(package, _LIFE, tmp_path)
    parts = re.split(r"(?m)^--- (.*)\n", said)
    told = dict(zip(parts[1::2], parts[2::2], strict=True))

    assert "smppd is not started: give it its SMSC" in told["install"]
    assert "start smppd.service" not in told["install"]

    assert told["installed"].splitlines() == [
        f"smppd {__version__}",
        "/opt/smppd/bin/smppd",
        "#!/opt/smppd/bin/python3",
        "smppd smppd-submit /var/spool/smppd",
        "smppd smppd-submit /var/spool/smppd/inbox",
        "root root /etc/smppd/smppd.toml",
        "smppd-submit",
        "/usr/share/man/man1/smppd.1.gz",
        "/usr/share/man/man5/smppd.toml.5.gz",
        "/usr/share/man/man5/smppd-spool.5.gz",
        "complete -F _smppd smppd",
    ]
    assert "link.main.password_file: cannot read /etc/smppd/password" in told["checked"]

    assert told["demo"] == "the demo went well\n"
    assert told["configured"] == ""
    assert "start smppd" not in told["upgrade of one that does not run"]

    runs = told["upgrade of one that runs"]
    assert 0 <= runs.index("invoke stop smppd.service") < runs.index("invoke start smppd.service")
    assert runs.endswith('host = "127.0.0.1"\n')

    assert "invoke stop smppd.service" in told["removed"]
    assert told["removed"].endswith("truth\nresult\npassword\nsmppd.toml\n")
    assert told["purged"] == "password\n"


def test_one_that_is_configured_already_is_started(package: Path, tmp_path: Path) -> None:
    settings = (ROOT / "conf" / "smppd.toml").read_text().replace("smpp.example.net", "127.0.0.1")
    said = inside(package, f"cat > /tmp/smppd.toml <<'END'\n{settings}END\n{_READY}", tmp_path)
    assert "deb-systemd-invoke start smppd.service" in said
    assert "is not started" not in said
