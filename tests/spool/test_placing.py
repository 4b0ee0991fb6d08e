"""Names that never clash and contents that are whole or absent."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from smppd.placing import NAME_LIMIT, day_folder, free_name, fsync_folder, write_whole


def test_a_clash_gets_the_next_number_before_the_extension(tmp_path: Path) -> None:
    names = []
    for _ in range(40):
        path = free_name(tmp_path, "a.b.jsonl")
        assert not path.exists()
        path.touch()
        names.append(path.name)
    assert names[:3] == ["a.b.jsonl", "a.b~2.jsonl", "a.b~3.jsonl"]
    assert names[-1] == "a.b~40.jsonl"


def test_what_is_packed_keeps_both_extensions(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl.gz").touch()
    assert free_name(tmp_path, "a.jsonl.gz").name == "a~2.jsonl.gz"


def test_a_companion_that_is_there_is_a_clash(tmp_path: Path) -> None:
    (tmp_path / "a.json.error.json").touch()
    assert free_name(tmp_path, "a.json").name == "a.json"
    assert free_name(tmp_path, "a.json", (".error.json",)).name == "a~2.json"


def test_a_dangling_link_is_a_clash(tmp_path: Path) -> None:
    (tmp_path / "a.json").symlink_to("nowhere")
    assert free_name(tmp_path, "a.json").name == "a~2.json"


@pytest.mark.parametrize(
    "name", ["ñ" * 127 + ".json", "a" * 255, "." + "b" * 240, "x." + "y" * 250]
)
def test_long_names_are_cut_and_stay_unique(tmp_path: Path, name: str) -> None:
    first = free_name(tmp_path, name)
    first.touch()
    second = free_name(tmp_path, name)
    second.touch()
    assert first != second
    assert all(len(os.fsencode(each.name)) <= NAME_LIMIT for each in (first, second))
    assert first.name.endswith(name[-5:])


@pytest.mark.parametrize(
    ("octets", "plain"), [(b"a\xff.json", "a?.json"), (b"a\nb.json", "a_b.json"), (b"..", "_")]
)
def test_odd_names_become_plain(tmp_path: Path, octets: bytes, plain: str) -> None:
    assert free_name(tmp_path, os.fsdecode(octets)).name == plain


def test_contents_are_written_whole(tmp_path: Path) -> None:
    path = tmp_path / "report.json"
    write_whole(path, b"one")
    write_whole(path, b"two")
    fsync_folder(tmp_path)
    assert path.read_bytes() == b"two"
    assert [each.name for each in tmp_path.iterdir()] == ["report.json"]


def test_a_failed_write_leaves_nothing(tmp_path: Path) -> None:
    (tmp_path / "report.json").mkdir()
    with pytest.raises(OSError, match="directory"):
        write_whole(tmp_path / "report.json", b"one")
    assert [each.name for each in tmp_path.iterdir()] == ["report.json"]


def test_a_stale_draft_of_another_run_is_no_obstacle(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("smppd.placing._serial", iter([1, 2]))
    (tmp_path / f".{os.getpid()}-1.tmp").write_bytes(b"old")
    write_whole(tmp_path / "a", b"new")
    assert (tmp_path / "a").read_bytes() == b"new"


def test_the_day_is_that_of_utc(tmp_path: Path) -> None:
    assert day_folder(tmp_path / "bad", 86_399.9).name == "1970-01-01"
    assert day_folder(tmp_path / "bad", 86_400.0) == tmp_path / "bad" / "1970-01-02"
    assert (tmp_path / "bad" / "1970-01-02").is_dir()
