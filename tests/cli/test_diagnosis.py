"""What `smppd doctor` makes of mounts, of the clock, of file modes, and of what a daemon says of itself."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from smppd import __version__
from smppd.cli.diagnosis import clock, disk, people, running
from smppd.cli.diagnosis.mounts import Mount, doubt, holding, mount_of, mounts, trouble
from smppd.cli.diagnosis.permissions import daemon_user, look_at_permissions
from smppd.cli.findings import Finding
from smppd.config import Config, JournalConfig, LinkConfig, ObserveConfig, SpoolConfig
from smppd.figures import (
    AccountFigures,
    ConfigFigures,
    DaemonFigures,
    JournalFigures,
    LinkFigures,
    LoopFigures,
    OutletFigures,
    SessionFigures,
    SpoolFigures,
)

# ── mounts ───────────────────────────────────────────────────────────────────────────────────

MOUNTINFO = r"""
22 1 8:1 / / rw,relatime shared:1 - ext4 /dev/sda1 rw,errors=remount-ro
30 22 0:26 / /srv rw,relatime shared:9 master:1 - nfs4 filer:/sms rw,vers=4.2,hard
31 22 0:27 / /srv/my\040disk rw - xfs /dev/sdb1 rw,nobarrier
32 22 0:28 / /old rw - ext4 /dev/sdc1 ro
33 22 0:29 / /dev/shm rw - tmpfs shm rw
nonsense
""".splitlines()


@pytest.mark.parametrize(
    ("path", "kind", "wrong", "doubtful"),
    [
        ("/var/spool/smppd", "ext4", "", ""),
        ("/srv/spool", "nfs4", "goes over a network", ""),
        ("/srv", "nfs4", "give it a local disk", ""),
        ("/srvx", "ext4", "", ""),
        ("/srv/my disk/spool", "xfs", "", "mounted with nobarrier"),
        ("/old/spool", "ext4", "read-only", ""),
        ("/dev/shm/spool", "tmpfs", "", "a reboot takes everything"),
    ],
)
def test_a_place_is_on_the_innermost_mount(path: str, kind: str, wrong: str, doubtful: str) -> None:
    mount = holding(path, mounts(MOUNTINFO))
    assert mount is not None
    assert mount.kind == kind
    assert (wrong in trouble(mount)) if wrong else trouble(mount) == ""
    assert (doubtful in doubt(mount)) if doubtful else doubt(mount) == ""


def test_what_is_mounted_later_hides_what_was_there() -> None:
    over = [*MOUNTINFO, "40 30 0:40 / /srv rw - ext4 /dev/sdd1 rw"]
    mount = holding("/srv/spool", mounts(over))
    assert mount is not None
    assert mount.kind == "ext4"


def test_this_machine_tells_its_mounts(tmp_path: Path) -> None:
    assert isinstance(mount_of(tmp_path), Mount)


def test_doctor_is_not_happy_with_a_spool_over_a_network(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    nfs = Mount("/srv", "nfs", frozenset({"rw"}))
    monkeypatch.setattr(disk, "mount_of", lambda _: nfs)
    found = disk.filesystem("spool", tmp_path)
    assert not found.ok
    assert "nfs goes over a network" in found.says


# ── disk ─────────────────────────────────────────────────────────────────────────────────────


def test_a_slow_sync_is_spoken_of(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert not disk.sync_time("journal", tmp_path).doubtful
    assert list(tmp_path.iterdir()) == []
    monkeypatch.setattr(disk, "_timed", lambda _: [0.3, 0.2, 0.4])
    found = disk.sync_time("journal", tmp_path)
    assert (found.ok, found.doubtful) == (True, True)
    assert found.says.startswith("takes 300.0 ms, and every commit waits for it")


def test_few_watches_are_spoken_of(tmp_path: Path) -> None:
    limits = tmp_path / "limits"
    limits.mkdir()
    (limits / "max_user_instances").write_text("128\n")
    (limits / "max_user_watches").write_text("8\n")
    (found,) = disk.look_at_inotify(tmp_path, limits)
    assert found.doubtful
    assert "fs.inotify.max_user_watches is 8" in found.says
    (limits / "max_user_watches").write_text("8192\n")
    assert list(disk.look_at_inotify(tmp_path, limits)) == [
        Finding("inotify", True, "gives watches")
    ]


def test_no_watch_at_all_is_spoken_of(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def none() -> None:
        raise OSError(24, "Too many open files")

    monkeypatch.setattr(disk, "INotify", none)
    (found,) = disk.look_at_inotify(tmp_path)
    assert found.doubtful
    assert "gives no watch (Too many open files); files are found by polling" in found.says


# ── clock ────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("kernel", "doubtful", "words"),
    [
        (clock.Kept(True, 0.02), False, "to 20 ms at worst"),
        (clock.Kept(True, 3.0), True, "may be wrong by 3.0 s"),
        (clock.Kept(False, 16.0), True, "timedatectl set-ntp true"),
        ("Operation not permitted", False, "nobody tells"),
    ],
)
def test_the_clock_is_synchronised_or_not(
    kernel: clock.Kept | str, doubtful: bool, words: str
) -> None:
    found = clock.synchronised(lambda: kernel)
    assert (found.ok, found.doubtful) == (True, doubtful)
    assert words in found.says


def test_the_kernel_of_this_machine_is_asked() -> None:
    kept = clock.ask_kernel()
    assert kept == "Operation not permitted" or isinstance(kept, clock.Kept)


def test_a_clock_that_jumps_is_caught() -> None:
    wall, steady = [1000.0], [5.0]
    watch = clock.Steadiness(lambda: wall[0], lambda: steady[0])
    wall[0], steady[0] = 1003.0, 8.04
    assert not watch.look().doubtful
    wall[0] += 60
    found = watch.look()
    assert found.doubtful
    assert found.says.startswith("jumped by +60.0 s: see who sets it")


def test_a_journal_from_the_future_is_wrong(tmp_path: Path) -> None:
    journal = tmp_path / "journal.db"
    assert list(clock.look_at_file("journal", journal)) == []
    journal.touch()
    (found,) = clock.look_at_file("journal", journal)
    assert found.ok
    (found,) = clock.look_at_file("journal", journal, now=journal.stat().st_mtime - 3600)
    assert not found.ok
    assert "3,600 s in the future" in found.says


# ── who may ──────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("mode", "uid", "groups", "may"),
    [
        (0o640, 0, (), True),
        (0o640, 4242, (), False),
        (0o644, 4242, (), True),
        (0o040, 4242, (None,), True),
        (0o004, 4242, (None,), False),
    ],
)
def test_bits_say_what_a_user_may(
    tmp_path: Path, mode: int, uid: int, groups: tuple[None, ...], may: bool
) -> None:
    file = tmp_path / "file"
    file.touch()
    file.chmod(mode)
    own = frozenset(file.stat().st_gid for _ in groups)
    assert people.may(people.User(uid, "somebody", own), file, people.READ) is may


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a folder away")
def test_a_password_that_the_daemon_may_not_read_is_spoken_of_until_it_runs(tmp_path: Path) -> None:
    spool, secret = tmp_path / "spool", tmp_path / "password"
    spool.mkdir(mode=0o700)
    os.chown(spool, 65534, 65534)
    secret.touch(mode=0o600)
    link = LinkConfig(name="main", hosts=(("h", 9),), system_id="a", password_file=secret)
    config = Config(
        spool=SpoolConfig(path=spool),
        journal=JournalConfig(path=tmp_path / "journal.db"),
        observe=ObserveConfig(control=tmp_path / "control.sock"),
        links=(link,),
    )
    for running_, doubtful in ((False, True), (True, False)):
        found = list(look_at_permissions(config, running=running_))
        said = [each for each in found if each.what == "password of link main"]
        assert [each.doubtful for each in said] == [doubtful]
        assert ("LoadCredential=" in said[0].says) is doubtful


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a folder away")
@pytest.mark.parametrize("open_to_all", [True, False])
def test_a_configuration_that_the_daemon_may_not_read_is_wrong(
    tmp_path: Path, open_to_all: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("smppd.cli.diagnosis.permissions.reaches", lambda _who, _path: True)
    (tmp_path / "spool").mkdir()
    os.chown(tmp_path / "spool", 65534, 65534)
    file = tmp_path / "smppd.toml"
    file.touch(mode=0o644 if open_to_all else 0o600)
    config = Config(
        file=file,
        spool=SpoolConfig(path=tmp_path / "spool"),
        journal=JournalConfig(path=tmp_path / "journal.db"),
        observe=ObserveConfig(control=tmp_path / "control.sock"),
    )
    found = look_at_permissions(config, running=False)
    (said,) = [each for each in found if each.what == "configuration"]
    assert said.ok is open_to_all
    assert (f"nobody may not read {file}: chmod o+r {file}" in said.says) is not open_to_all


def test_the_daemons_user_is_known_by_what_is_his(tmp_path: Path) -> None:
    config = Config(
        spool=SpoolConfig(path=tmp_path / "spool"),
        journal=JournalConfig(path=tmp_path / "journal.db"),
        observe=ObserveConfig(control=tmp_path / "control.sock"),
        links=(LinkConfig(name="main", hosts=(("127.0.0.1", 9),), system_id="a"),),
    )
    assert daemon_user(config) is None
    (tmp_path / "spool").mkdir()
    found = daemon_user(config)
    assert found is not None
    assert found.uid == os.geteuid()


# ── a running daemon ─────────────────────────────────────────────────────────────────────────


def figures() -> DaemonFigures:
    """A daemon with nothing to complain of."""
    session = SessionFigures("bound_trx")
    return DaemonFigures(
        version=__version__,
        pid=4711,
        started=0.0,
        now=10_000.0,
        stopping=False,
        accepted=7,
        states={"queued": 3, "delivered": 4},
        queued_by_lane={},
        oldest_queued=9_990.0,
        open_files=0,
        parked_receipts=0,
        unmatched_receipts=0,
        links=[LinkFigures("main", sessions=[session])],
        journal=JournalFigures(octets=5 << 20),
        spool=SpoolFigures(),
        accounts=[AccountFigures("shop")],
        outlets=[OutletFigures("stream")],
    )


def test_a_healthy_daemon_is_ok() -> None:
    found = list(running.look_at_daemon(figures()))
    assert all(each.ok and not each.doubtful for each in found), found
    said = {each.what: each.says for each in found}
    assert said["daemon"] == f"runs, pid 4711, version {__version__}"
    assert said["link main"] == "1 of 1 sessions bound"
    assert said["daemon, accounts"] == "balance: 7 messages, each in one state"
    assert said["daemon, journal"] == "5 MiB"


def test_a_configuration_that_was_changed_since_is_spoken_of(tmp_path: Path) -> None:
    file = tmp_path / "smppd.toml"
    file.touch()
    known = figures()
    for loaded, doubtful in ((file.stat().st_mtime - 60, True), (file.stat().st_mtime, False)):
        known.configuration = ConfigFigures(file=str(file), loaded=loaded)
        said = {each.what: each for each in running.look_at_daemon(known)}
        assert said["daemon, configuration"].doubtful is doubtful


def _unbound(found: DaemonFigures) -> None:
    found.links[0].sessions[0].state = "backoff"
    found.links[0].last_error = "refuses connections"


def _paused(found: DaemonFigures) -> None:
    found.links[0].paused = "by uid 0"


def _certificate(found: DaemonFigures) -> None:
    found.links[0].sessions[0].certificate_expires = found.now + 3 * 86_400


def _account(found: DaemonFigures) -> None:
    found.accounts[0].unreachable_since = 1.0
    found.accounts[0].last_error = "no route"


def _outlet(found: DaemonFigures) -> None:
    found.outlets[0].failing_since = 1.0
    found.outlets[0].last_error = "refused"


def _unbalanced(found: DaemonFigures) -> None:
    found.accepted = 9


def _unknown(found: DaemonFigures) -> None:
    found.states = {"queued": 3, "delivered": 2, "unknown": 2}


def _old(found: DaemonFigures) -> None:
    found.oldest_queued = 1_000.0
    found.links[0].limited_by = "throttling"


def _parked(found: DaemonFigures) -> None:
    found.parked_receipts, found.oldest_parked = 4, 100.0


def _disk(found: DaemonFigures) -> None:
    found.disk = {"journal": "No space left on device"}


def _late(found: DaemonFigures) -> None:
    found.loop = LoopFigures(tail=0.4)


def _slow(found: DaemonFigures) -> None:
    found.journal.commit_seconds.observe(3.0)


def _version(found: DaemonFigures) -> None:
    found.version = "0.0.1"


def _refused(found: DaemonFigures) -> None:
    found.configuration.refused = ["link.main.windw: is not a key here"]


@pytest.mark.parametrize(
    ("harm", "what", "ok", "words"),
    [
        (_unbound, "link main", False, "is not bound: refuses connections"),
        (_paused, "link main", True, "smppd resume main"),
        (_certificate, "link main, certificate", True, "ends in 3 days: ask the provider"),
        (_account, "account shop", False, "gets no answers: no route"),
        (_outlet, "outlet stream", False, "fails: refused: mend what takes its events"),
        (_unbalanced, "daemon, accounts", False, "do not balance by +2: run smppd audit"),
        (_unknown, "daemon, held as unknown", True, "2 messages of which nobody knows"),
        (_old, "daemon, queue", True, "150 minutes (limited by: throttling): see smppd status"),
        (_parked, "daemon, receipts", True, "4 receipts found no message"),
        (_disk, "daemon, journal", False, "cannot be written: No space left on device"),
        (_late, "daemon, event loop", True, "is late by 400 ms"),
        (_slow, "daemon, journal", True, "1 commit in 100 takes more than"),
        (_version, "daemon", True, "is installed: restart it"),
        (_refused, "daemon, configuration", False, "windw: is not a key here: mend that, and"),
    ],
)
def test_what_ails_a_daemon_is_told_with_its_cure(
    harm: Callable[[DaemonFigures], None], what: str, ok: bool, words: str
) -> None:
    ailing = figures()
    harm(ailing)
    told = [each for each in running.look_at_daemon(ailing) if not each.ok or each.doubtful]
    (found,) = told
    assert (found.what, found.ok) == (what, ok)
    assert words in found.says


@pytest.mark.parametrize(
    ("host", "reached"),
    [
        ("127.0.0.1", False),
        ("::1", False),
        ("localhost", False),
        ("0.0.0.0", True),
        ("::", True),
        ("192.0.2.1", True),
        ("sms-1.lan", True),
    ],
)
def test_a_status_page_that_others_reach_is_spoken_of(host: str, reached: bool) -> None:
    config = Config(
        spool=SpoolConfig(path=Path("/nowhere")), observe=ObserveConfig(listen=(host, 9775))
    )
    [found] = [
        each for each in look_at_permissions(config, running=False) if each.what == "status page"
    ]
    assert found.doubtful is reached
    if found.doubtful:
        assert (
            'without a password: let a firewall say who, or write listen = "127.0.0.1:9775"'
            in found.says
        )
