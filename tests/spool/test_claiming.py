"""Claims: one rename, a folder per pass, and what is found of them after a crash."""

from __future__ import annotations

import errno
import os
from collections.abc import Sequence
from pathlib import Path

import pytest

from smppd.message import Lane
from smppd.spool.claiming import (
    BRIEF,
    Pass,
    Tokens,
    claim,
    is_progress,
    left_over,
    recover,
    sync_claim,
)
from smppd.spool.folders import INBOX, prepare_root

NOON = 1_767_268_800.25


@pytest.fixture
def root(tmp_path: Path) -> Path:
    assert prepare_root(tmp_path / "spool") is None
    return tmp_path / "spool"


@pytest.fixture
def tokens(root: Path) -> Tokens:
    return Tokens(root / "work", lambda: NOON)


def hand_in(root: Path, lane: Lane, *names: str) -> list[tuple[str, int]]:
    for name in names:
        (root / INBOX[lane] / name).write_bytes(b"12345")
    return [(name, 5) for name in names]


def claimed_in(root: Path, lane: Lane, found: Sequence[tuple[str, int]], tokens: Tokens) -> Pass:
    return claim(root / INBOX[lane], tokens.new_folder(lane), lane, found)


def test_a_claim_moves_files_into_a_folder_of_its_pass(root: Path, tokens: Tokens) -> None:
    outcome = claimed_in(root, Lane.HIGH, hand_in(root, Lane.HIGH, "a.json", "b.json"), tokens)
    assert [taken.claimed.name for taken in outcome.taken] == ["a.json", "b.json"]
    for taken in outcome.taken:
        claimed = taken.claimed
        assert claimed.path == root / "work" / claimed.token / claimed.name
        assert claimed.path.read_bytes() == b"12345"
        assert (claimed.lane, taken.octets) == (Lane.HIGH, 5)
    assert list((root / "inbox" / "high").iterdir()) == []


def test_tokens_sort_by_time_and_are_never_given_twice(root: Path) -> None:
    first = Tokens(root / "work", lambda: NOON)
    names = [first.new_folder(Lane.NORMAL).name for _ in range(12)]
    names.append(Tokens(root / "work", lambda: NOON).new_folder(Lane.NORMAL).name)
    assert len(set(names)) == len(names)
    assert names[:12] == sorted(names[:12])
    assert Tokens(root / "work", lambda: NOON + 0.5).new_folder(Lane.BULK).name > max(names)


def test_a_file_taken_back_is_left_out(root: Path, tokens: Tokens) -> None:
    outcome = claimed_in(root, Lane.NORMAL, [("gone.json", 5)], tokens)
    assert (outcome.taken, outcome.refused) == ([], [])
    assert list((root / "work").iterdir()) == []


def test_a_rename_not_permitted_is_told(
    root: Path, tokens: Tokens, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = hand_in(root, Lane.NORMAL, "a.json")

    def refuse(path: str, _target: str) -> None:
        raise PermissionError(1, "Operation not permitted", path)

    monkeypatch.setattr(os, "rename", refuse)
    outcome = claimed_in(root, Lane.NORMAL, found, tokens)
    assert outcome.refused == [("a.json", "Operation not permitted")]
    assert list((root / "work").iterdir()) == []


def test_what_was_claimed_is_found_again_with_its_lane(root: Path, tokens: Tokens) -> None:
    claimed = []
    for lane in (Lane.BULK, Lane.NORMAL, Lane.HIGH, Lane.NORMAL):
        outcome = claimed_in(root, lane, hand_in(root, lane, "a.json", "b.jsonl"), tokens)
        claimed += outcome.taken
    for lane, folders in left_over(root).items():
        assert list(recover(folders)) == [each for each in claimed if each.claimed.lane == lane]


def test_progress_and_drafts_are_no_hand_ins(root: Path, tokens: Tokens) -> None:
    outcome = claimed_in(root, Lane.NORMAL, hand_in(root, Lane.NORMAL, "a.json"), tokens)
    folder = outcome.taken[0].claimed.path.parent
    for name in ("a.json.progress.json", "gone.jsonl.progress.json", ".a.json.tmp"):
        (folder / name).write_bytes(b"")
    folders = left_over(root)[Lane.NORMAL]
    assert list(recover(folders)) == outcome.taken
    assert sorted(path.name for path in folder.iterdir()) == ["a.json", "a.json.progress.json"]


def test_a_hand_in_may_be_called_progress(root: Path, tokens: Tokens) -> None:
    outcome = claimed_in(root, Lane.NORMAL, hand_in(root, Lane.NORMAL, "a.progress.json"), tokens)
    assert list(recover(left_over(root)[Lane.NORMAL])) == outcome.taken
    assert is_progress("a.jsonl.progress.json")


def test_empty_folders_are_removed(root: Path) -> None:
    (root / "work" / "20260101T000000000Z-000001-high").mkdir()
    orphan = root / "work" / "20260101T000000000Z-000002-high"
    orphan.mkdir()
    (orphan / ".a.json.tmp").write_bytes(b"")
    assert not any(left_over(root).values())
    assert list((root / "work").iterdir()) == []


def test_a_folder_of_unknown_origin_is_of_the_normal_lane(root: Path) -> None:
    (root / "work" / "rescued").mkdir()
    (root / "work" / "rescued" / "a.json").write_bytes(b"12345")
    (taken,) = recover(left_over(root)[Lane.NORMAL])
    assert (taken.claimed.token, taken.claimed.name) == ("rescued", "a.json")


def test_a_disk_that_fails_in_the_middle_of_a_pass_strands_nothing_that_was_taken(
    root: Path, tokens: Tokens, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = hand_in(root, Lane.NORMAL, "a.json", "b.json", "c.json")
    hand_in(root, Lane.NORMAL, "b.json.meta.json")
    rename = os.rename

    def full(path: str, target: str) -> None:
        if path.endswith("b.json"):
            raise OSError(errno.ENOSPC, "No space left on device", path)
        rename(path, target)

    monkeypatch.setattr(os, "rename", full)
    outcome = claimed_in(root, Lane.NORMAL, found, tokens)
    assert [taken.claimed.name for taken in outcome.taken] == ["a.json"]
    assert outcome.failure is not None
    assert outcome.failure.errno == errno.ENOSPC
    left = sorted(path.name for path in (root / "inbox").iterdir() if path.is_file())
    assert left == ["b.json", "b.json.meta.json", "c.json"]
    assert not claimed_in(root, Lane.NORMAL, found[1:], tokens).taken
    assert [path.name for path in (root / "work").iterdir()] == [outcome.taken[0].claimed.token]


def test_what_is_one_short_message_comes_with_its_octets(root: Path, tokens: Tokens) -> None:
    inbox = root / "inbox"
    names = ["a.json", "long.json", "many.jsonl", "beside.json", "grown.json", "link.json"]
    found = hand_in(root, Lane.NORMAL, *names)
    (inbox / "long.json").write_bytes(bytes(BRIEF + 1))
    (inbox / "beside.json.meta.json").write_bytes(b"{}")
    found[1] = ("long.json", BRIEF + 1)
    folder = tokens.new_folder(Lane.NORMAL)
    outcome = claim(inbox, folder, Lane.NORMAL, found)
    with (folder / "grown.json").open("ab") as file:
        file.write(b"6")
    (folder / "link.json").unlink()
    (folder / "link.json").symlink_to(folder / "a.json")
    taken = sync_claim(inbox, folder, outcome.taken)
    assert [each.claimed for each in taken] == [each.claimed for each in outcome.taken]
    assert {each.claimed.name: each.content for each in taken} == {
        **dict.fromkeys(names),
        "a.json": b"12345",
    }
