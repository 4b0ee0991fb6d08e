"""A folder that is no place for a daemon is refused before anything is measured."""

from __future__ import annotations

import shutil
from pathlib import Path
from types import SimpleNamespace

import pytest
from benchmark.commands import ROOM, check_folder
from benchmark.setting import BenchError

from smppd.config.sections import SpoolConfig


def test_a_disk_on_which_the_daemon_would_take_nothing_in_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda _: SimpleNamespace(free=ROOM))
    check_folder(tmp_path)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: SimpleNamespace(free=12 << 20))
    with pytest.raises(
        BenchError, match=r"12 MiB are free there, and .* nothing in below 256; make"
    ):
        check_folder(tmp_path)
    with pytest.raises(BenchError, match=r"12 MiB are free there"):
        check_folder(None)


def test_its_least_room_is_that_of_the_daemon() -> None:
    assert SpoolConfig().min_free == ROOM
