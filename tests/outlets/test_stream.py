"""The stream's files: whole lines, each event once, whatever a crash or a full disk leaves."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

from smppd.outlets.happenings import Happening
from smppd.outlets.stream import Rotation, StreamFiles, stream_files

NOW = 1_800_000_000.0
LARGE = Rotation(1 << 30, 1e9)


def happening(seq: int, number: int = 0, at: float = NOW, size: int = 0) -> Happening:
    told = {
        "seq": seq,
        "event_id": f"abc-{seq:x}-{number:x}",
        "event": "sent",
        "at": "2027-01-15T08:00:00.000Z",
        "pad": "x" * size,
    }
    return Happening(seq, number, "sent", seq, at, json.dumps(told).encode())


def files(folder: Path, rotation: Rotation = LARGE, at: float = NOW) -> StreamFiles:
    found = StreamFiles(folder, rotation, lambda: at)
    found.recover()
    return found


def seqs(folder: Path) -> list[tuple[int, int]]:
    """The events that stand there, in the order of files and lines."""
    found = []
    for _, path in stream_files(folder):
        content = path.read_bytes()
        assert content.endswith(b"\n")
        for line in content.splitlines():
            told = json.loads(line)
            found.append((told["seq"], int(told["event_id"].split("-")[-1], 16)))
    return found


def test_events_are_appended_and_a_restart_goes_on(tmp_path: Path) -> None:
    first = files(tmp_path)
    first.append([happening(1), happening(1, 1)])
    first.append([happening(2)])
    first.close()
    again = files(tmp_path)
    assert again.last is not None
    assert again.last[:2] == (2, 0)
    again.append([happening(1, 1), happening(2), happening(3)])  # read again from a cursor behind
    assert seqs(tmp_path) == [(1, 0), (1, 1), (2, 0), (3, 0)]
    assert [path.name for _, path in stream_files(tmp_path)] == ["events-00000001.jsonl"]


@pytest.mark.parametrize("torn", range(1, 90, 7))
def test_a_torn_line_is_cut_and_told_again(tmp_path: Path, torn: int) -> None:
    files(tmp_path).append([happening(1), happening(2)])
    ((_, path),) = stream_files(tmp_path)
    with path.open("ab") as file:
        file.write(happening(3).json[:torn])
    again = files(tmp_path)
    assert again.last is not None
    assert again.last.seq == 2
    again.append([happening(2), happening(3)])
    assert seqs(tmp_path) == [(1, 0), (2, 0), (3, 0)]


def test_a_line_longer_than_what_is_looked_at_is_found(tmp_path: Path) -> None:
    files(tmp_path).append([happening(1), happening(2, size=300_000)])
    again = files(tmp_path)
    assert again.last is not None
    assert again.last.seq == 2
    again.append([happening(3)])
    assert seqs(tmp_path) == [(1, 0), (2, 0), (3, 0)]


def test_a_file_with_nothing_whole_in_it_leads_to_the_one_before(tmp_path: Path) -> None:
    files(tmp_path).append([happening(1)])
    (tmp_path / "events-00000002.jsonl").write_bytes(b'{"seq":')
    again = files(tmp_path)
    assert again.last is not None
    assert again.last.seq == 1
    again.append([happening(2)])
    assert seqs(tmp_path) == [(1, 0), (2, 0)]


def test_a_full_file_is_followed_by_the_next(tmp_path: Path) -> None:
    growing = files(tmp_path, Rotation(500, 1e9))
    for seq in range(1, 6):
        growing.append([happening(seq, size=200)])
    assert [number for number, _ in stream_files(tmp_path)] == [1, 2, 3]
    assert seqs(tmp_path) == [(seq, 0) for seq in range(1, 6)]


def test_an_old_file_is_followed_by_the_next_also_after_a_restart(tmp_path: Path) -> None:
    files(tmp_path, Rotation(1 << 30, 3600.0)).append([happening(1)])
    files(tmp_path, Rotation(1 << 30, 3600.0), NOW + 3599).append([happening(2)])
    files(tmp_path, Rotation(1 << 30, 3600.0), NOW + 3601).append([happening(3)])
    assert [number for number, _ in stream_files(tmp_path)] == [1, 2]


def test_a_full_disk_leaves_whole_lines_and_the_next_attempt_repeats_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    growing, write, room = files(tmp_path), os.write, [30]
    growing.append([happening(1)])

    def full(descriptor: int, octets: Any) -> int:
        if not room[0]:
            raise OSError(28, "No space left on device")
        written = write(descriptor, octets[: room[0]])
        room[0] -= written
        return written

    monkeypatch.setattr(os, "write", full)
    with pytest.raises(OSError, match="No space"):
        growing.append([happening(2), happening(3)])
    assert seqs(tmp_path) == [(1, 0)]
    room[0] = 1 << 20
    growing.append([happening(2), happening(3)])
    assert seqs(tmp_path) == [(1, 0), (2, 0), (3, 0)]


def test_events_are_on_disk_before_they_count_as_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The cursor moves on then; should the power fail, nobody tells of them again."""
    stream, synced = files(tmp_path), list[int]()
    sync = os.fdatasync

    def fails(_: int) -> None:
        raise OSError(5, "Input/output error")

    def note(descriptor: int) -> None:
        synced.append(os.fstat(descriptor).st_size)
        sync(descriptor)

    monkeypatch.setattr(os, "fdatasync", note)
    stream.append([happening(1)])
    ((_, path),) = stream_files(tmp_path)
    assert synced == [path.stat().st_size]
    monkeypatch.setattr(os, "fdatasync", fails)
    with pytest.raises(OSError, match="Input"):
        stream.append([happening(2)])
    monkeypatch.setattr(os, "fdatasync", note)
    stream.append([happening(2)])
    assert seqs(tmp_path) == [(1, 0), (2, 0)]
