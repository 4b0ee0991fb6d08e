"""A root that serves as a spool, and roots that cannot."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from smppd.spool.folders import FOLDERS, make_folder, prepare_root
from smppd.spool.smstools import FOLDERS as SMSTOOLS


def test_a_root_is_made_with_all_its_folders(tmp_path: Path) -> None:
    root = tmp_path / "var" / "spool"
    assert prepare_root(root) is None
    assert prepare_root(root) is None
    assert all((root / name).is_dir() for name in FOLDERS)
    assert [path for path in root.rglob("*") if not path.is_dir()] == []


def test_a_file_in_the_way_is_named(tmp_path: Path) -> None:
    (tmp_path / "work").write_bytes(b"")
    reason = prepare_root(tmp_path)
    assert reason == f"{tmp_path / 'work'} is not a folder: move it away"


def test_a_folder_that_cannot_be_made_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def mkdir(path: Path, **_options: object) -> None:
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr(Path, "mkdir", mkdir)
    reason = prepare_root(tmp_path / "spool")
    assert reason is not None
    assert str(tmp_path / "spool") in reason
    assert "Permission denied" in reason


def test_another_filesystem_is_refused(tmp_path: Path) -> None:
    here = tmp_path.stat().st_dev
    places = [Path(place) for place in ("/dev/shm", "/tmp", "/var/tmp")]
    elsewhere = [place for place in places if place.is_dir() and place.stat().st_dev != here]
    if not elsewhere:
        pytest.skip("needs a second filesystem")
    other = elsewhere[0] / f"spool-{os.getpid()}"
    other.mkdir()
    try:
        (tmp_path / "done").symlink_to(other)
        reason = prepare_root(tmp_path)
    finally:
        other.rmdir()
    assert reason is not None
    assert f"{tmp_path / 'done'} is on another filesystem" in reason


def test_a_rename_that_fails_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert prepare_root(tmp_path) is None
    rename = Path.rename

    def refuse(path: Path, target: Path) -> Path:
        if target.parent.name == "work":
            raise OSError(18, "Invalid cross-device link")
        return rename(path, target)

    monkeypatch.setattr(Path, "rename", refuse)
    reason = prepare_root(tmp_path)
    assert reason is not None
    assert f"{tmp_path / 'work'}: Invalid cross-device link" in reason
    assert [path for path in tmp_path.rglob("*") if not path.is_dir()] == []


def _modes(root: Path) -> dict[str, int]:
    return {name: (root / name).stat().st_mode & 0o7777 for name in FOLDERS}


def test_a_root_that_hands_its_group_on_is_shared_with_it(tmp_path: Path) -> None:
    tmp_path.chmod(0o2750)
    assert prepare_root(tmp_path) is None
    modes = _modes(tmp_path)
    written = [name for name, mode in modes.items() if mode == 0o3770]
    assert written == ["inbox", "inbox/tmp", "inbox/high", "inbox/bulk"]
    read = [name for name, mode in modes.items() if mode == 0o2750]
    assert read == ["done", "bad", "receipts", "events"]
    rest = modes.keys() - {*written, *read}
    assert {modes[name] for name in rest} == {0o2700}


def test_in_any_other_the_umask_decides(tmp_path: Path) -> None:
    before = os.umask(0o027)
    try:
        tmp_path.chmod(0o750)
        assert prepare_root(tmp_path) is None
    finally:
        os.umask(before)
    assert set(_modes(tmp_path).values()) == {0o750}


def test_what_an_operator_made_stays_as_it_is(tmp_path: Path) -> None:
    tmp_path.chmod(0o2750)
    (tmp_path / "inbox").mkdir()
    (tmp_path / "inbox").chmod(0o700)
    assert prepare_root(tmp_path) is None
    assert _modes(tmp_path)["inbox"] == 0o700


def test_scripts_for_smstools_find_their_folders_shared_as_well(tmp_path: Path) -> None:
    tmp_path.chmod(0o2751)
    for name in SMSTOOLS:
        make_folder(tmp_path, name)
    modes = {name: (tmp_path / name).stat().st_mode & 0o7777 for name in SMSTOOLS}
    taken = dict.fromkeys(("sent", "failed", "incoming"), 0o2770)
    assert modes == {"outgoing": 0o3770, "checked": 0o2700, **taken}
