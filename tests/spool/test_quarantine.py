"""Files that come to rest in `bad/`, explained."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from smppd.spool.folders import prepare_root
from smppd.spool.quarantine import Unusable, quarantine

PROBLEM = Unusable("is not JSON", "correct it", 3, 14)
NOON = 1_767_268_800.25


@pytest.fixture
def root(tmp_path: Path) -> Path:
    assert prepare_root(tmp_path / "spool") is None
    return tmp_path / "spool"


def put(root: Path, name: str, content: bytes = b"bad") -> Path:
    path = root / "inbox" / name
    path.write_bytes(content)
    return quarantine(root, path, PROBLEM, NOON)


def test_the_file_lies_beside_its_explanation(root: Path) -> None:
    placed = put(root, "a.json")
    assert placed == root / "bad" / "2026-01-01" / "a.json"
    assert placed.read_bytes() == b"bad"
    assert json.loads(placed.with_name("a.json.error.json").read_text()) == {
        "file": "a.json",
        "reason": "is not JSON",
        "line": 3,
        "column": 14,
        "time": "2026-01-01T12:00:00.250Z",
        "cure": "correct it",
    }
    assert not (root / "inbox" / "a.json").exists()


def test_a_clash_overwrites_nothing(root: Path) -> None:
    names = [put(root, "a.json", content).name for content in (b"1", b"2", b"3")]
    assert names == ["a.json", "a~2.json", "a~3.json"]
    folder = root / "bad" / "2026-01-01"
    assert [(folder / name).read_bytes() for name in names] == [b"1", b"2", b"3"]
    assert len(list(folder.glob("*.error.json"))) == 3


def test_a_link_is_moved_and_not_what_it_points_to(root: Path, tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_bytes(b"secret")
    link = root / "inbox" / "a.json"
    link.symlink_to(secret)
    placed = quarantine(root, link, PROBLEM, NOON)
    assert placed.is_symlink()
    assert secret.read_bytes() == b"secret"


def test_the_folder_of_a_claim_goes_with_its_last_file(root: Path) -> None:
    claim = root / "work" / "token"
    claim.mkdir()
    for name in ("a.json", "b.json"):
        (claim / name).write_bytes(b"")
    quarantine(root, claim / "a.json", PROBLEM, NOON)
    assert claim.exists()
    quarantine(root, claim / "b.json", PROBLEM, NOON)
    assert not claim.exists()


def test_a_name_that_is_no_text_is_explained_all_the_same(root: Path) -> None:
    placed = put(root, os.fsdecode(b"a\xff.json"))
    assert placed.name == "a?.json"
    explanation = json.loads(placed.with_name("a?.json.error.json").read_text())
    assert explanation["file"] == "a\N{REPLACEMENT CHARACTER}.json"


def test_a_file_that_went_away_leaves_no_explanation(root: Path) -> None:
    with pytest.raises(FileNotFoundError):
        quarantine(root, root / "inbox" / "a.json", PROBLEM, NOON)
    assert list((root / "bad").rglob("*.json")) == []
