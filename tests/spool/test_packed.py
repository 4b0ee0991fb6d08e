"""Packed files: damaged in any way, they prove so before their first line."""

from __future__ import annotations

import gzip
import tracemalloc
from pathlib import Path

import pytest

from smppd.spool.chunks import BLOCK
from smppd.spool.packed import MOST_MEMBERS, Unpacked
from smppd.spool.quarantine import Unusable
from tests.spool.test_csv import lines_of, read

ROWS = b"to,text\n" + b"".join(b"600,text number %d\n" % n for n in range(20_000))
PACKED = gzip.compress(ROWS)


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (PACKED[:-1], "is cut off after"),
        (PACKED[: len(PACKED) // 2], "is cut off after"),
        (PACKED[:5], "is cut off after 0"),
        (PACKED + b"rubbish", "has something behind its end"),
        (PACKED + b"\0" * (2 << 20), "has something behind its end"),
        (PACKED + b"\0" * 512 + b"rubbish", "has something behind its end"),
        (PACKED + gzip.compress(b"") * 100_000, "has too many parts that hold nothing"),
        (PACKED[:5000] + b"xxxx" + PACKED[5004:], "is damaged after"),
        (PACKED[:-8] + b"\0" * 8, "is damaged after"),
        (ROWS, "is no gzip file"),
        (gzip.compress(b""), "is empty"),
        (gzip.compress(PACKED), "is compressed"),
        (gzip.compress(b"to,text\n" + b"a" * (80 << 20)), "unpacks to more than 200 times"),
    ],
)
def test_what_is_wrong_with_it_is_told_before_any_line(
    tmp_path: Path, content: bytes, reason: str
) -> None:
    path = tmp_path / "a.csv.gz"
    path.write_bytes(content)
    tracemalloc.start()
    found = read(path)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert isinstance(found, Unusable)
    assert reason in found.reason
    assert found.cure
    assert peak < 4_000_000


def test_members_one_after_the_other_and_zeros_behind_them(tmp_path: Path) -> None:
    path = tmp_path / "a.csv.gz"
    path.write_bytes(gzip.compress(ROWS[:777]) + gzip.compress(ROWS[777:]) + b"\0" * 512)
    assert len(lines_of(read(path))) == 20_000


def test_a_read_begins_so_many_members_at_most_and_none_is_lost(tmp_path: Path) -> None:
    """Ten thousand times as many as one read may begin would hold everybody up for a minute."""
    path = tmp_path / "a.csv.gz"
    rows = ROWS[:20_000]
    path.write_bytes(b"".join(gzip.compress(rows[at : at + 1]) for at in range(len(rows))))
    with path.open("rb", buffering=0) as file:
        octets = Unpacked(file)
        assert len(octets.read(BLOCK)) == MOST_MEMBERS
    path.write_bytes(path.read_bytes() + gzip.compress(ROWS[20_000:]) + b"\0" * 512)
    assert len(lines_of(read(path))) == 20_000
