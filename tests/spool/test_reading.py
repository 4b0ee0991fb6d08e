"""Chunks of lines, checkpoints, and files that cannot be used."""

from __future__ import annotations

import os
import tracemalloc
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from smppd.ports import Line
from smppd.spool import chunks, json_lines
from smppd.spool.chunks import CHUNK, Chunk
from smppd.spool.formats import Format
from smppd.spool.quarantine import Unusable
from smppd.spool.reading import open_source

GOOD = b'{"to": "1", "text": "a"}'


def read_all(
    path: Path,
    form: Format = Format.JSON_LINES,
    max_line: int = 1000,
    start: tuple[int, int] = (0, 0),
) -> list[Chunk]:
    source = open_source(path, form, max_line, start)
    chunks: list[Chunk] = []
    try:
        while not chunks or not chunks[-1].last:
            outcome = source.next_chunk()
            assert isinstance(outcome, Chunk), outcome
            chunks.append(outcome)
    finally:
        source.close()
    return chunks


def problem_of(path: Path, form: Format = Format.JSON_LINES, max_line: int = 1000) -> Unusable:
    source = open_source(path, form, max_line, (0, 0))
    outcome = source.next_chunk()
    source.close()
    assert isinstance(outcome, Unusable), outcome
    return outcome


def lines_of(chunks: list[Chunk]) -> list[Line]:
    return [line for chunk in chunks for line in chunk.lines]


def expected(content: bytes, max_line: int) -> list[tuple[int, str]]:
    """By the simplest possible reading: line numbers and what becomes of them."""
    found = []
    for number, raw in enumerate(content.split(b"\n"), start=1):
        if len(raw) > max_line:
            found.append((number, "LINE_TOO_LONG"))
        elif raw.strip():
            found.append((number, "" if raw.strip() == GOOD else "BAD_JSON"))
    return found


def seen(lines: list[Line]) -> list[tuple[int, str]]:
    return [(line.number, line.mistake.code if line.mistake else "") for line in lines]


RAW_LINES = st.sampled_from(
    [b"", b" \t", b"\r", GOOD, GOOD + b"\r", b"rubbish", b"x" * 31, b"x" * 80]
)


@given(
    lines=st.lists(RAW_LINES, min_size=1, max_size=40),
    block=st.integers(1, 100),
    chunk=st.integers(1, 5),
    reads=st.integers(1, 4),
)
@settings(
    max_examples=300, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None
)
def test_every_line_is_read_once_from_every_checkpoint(
    tmp_path: Path, lines: list[bytes], block: int, chunk: int, reads: int
) -> None:
    path = tmp_path / "a.jsonl"
    content = b"\n".join([GOOD, *lines])
    path.write_bytes(content)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(json_lines, "BLOCK", block)
        patch.setattr(json_lines, "CHUNK", chunk)
        patch.setattr(json_lines, "READS", reads)
        chunks = read_all(path, max_line=30)
        assert seen(lines_of(chunks)) == expected(content, 30)
        assert all(len(each.lines) <= chunk for each in chunks)
        assert chunks[-1].offset == len(content)
        for number, each in enumerate(chunks):
            if each.offset:
                assert each.line == content[: each.offset].count(b"\n") + (
                    each.offset == len(content) and not content.endswith(b"\n")
                )
                rest = read_all(path, max_line=30, start=(each.offset, each.line))
                assert seen(lines_of(rest)) == seen(lines_of(chunks[number + 1 :]))


def test_chunks_are_bounded(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    path.write_bytes((GOOD + b"\n") * 1000)
    sizes = [len(chunk.lines) for chunk in read_all(path)]
    assert max(sizes) == CHUNK
    assert sum(sizes) == 1000


@pytest.mark.parametrize(
    "content",
    [
        pytest.param((GOOD + b"\n") * 100_000, id="many lines"),
        pytest.param(GOOD + b"\n" + b"x" * 10_000_000 + b"\n" + GOOD + b"\n", id="one long line"),
        pytest.param(GOOD + b"\n" * 2_000_000, id="blank lines"),
    ],
)
def test_memory_stays_flat(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "a.jsonl"
    path.write_bytes(content)
    size = len(content)
    del content
    source = open_source(path, Format.JSON_LINES, 1000, (0, 0))
    tracemalloc.start()
    try:
        position = 0
        while position < size:
            chunk = source.next_chunk()
            assert isinstance(chunk, Chunk)
            assert chunk.offset - position <= (chunks.READS + 1) * chunks.BLOCK or chunk.lines
            position = chunk.offset
        assert tracemalloc.get_traced_memory()[1] < 8_000_000
    finally:
        tracemalloc.stop()
        source.close()


def test_a_byte_order_mark_is_no_part_of_the_first_line(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    path.write_bytes(b"\xef\xbb\xbf" + GOOD + b"\n" + GOOD)
    (chunk,) = read_all(path)
    assert seen(chunk.lines) == [(1, ""), (2, "")]
    assert chunk.offset == 3 + 2 * len(GOOD) + 1
    single = tmp_path / "a.json"
    single.write_bytes(b"\xef\xbb\xbf" + GOOD)
    (chunk,) = read_all(single, Format.JSON)
    assert seen(chunk.lines) == [(1, "")]


def test_a_document_is_one_chunk_and_is_not_read_again(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    path.write_bytes(b'{\n"to": "1",\n"text": "a"}\n')
    (chunk,) = read_all(path, Format.JSON)
    assert [line.number for line in chunk.lines] == [1]
    assert (chunk.offset, chunk.line, chunk.last) == (path.stat().st_size, 1, True)
    (again,) = read_all(path, Format.JSON, start=(chunk.offset, chunk.line))
    assert again.lines == []


def test_octets_that_are_no_utf8_later_on_are_one_bad_line(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    filler = (GOOD + b"\n") * (chunks.BLOCK // len(GOOD) + 10)
    path.write_bytes(filler + b'{"to": "1", "text": "\xe9"}\n' + GOOD + b"\n")
    mistakes = [line.mistake for line in lines_of(read_all(path)) if line.mistake]
    assert [mistake.code for mistake in mistakes] == ["BAD_UTF8"]


def test_a_character_across_the_first_block_is_no_mistake(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "a.jsonl"
    raw = '{"to": "1", "text": "ñ"}\n'.encode()
    monkeypatch.setattr(json_lines, "BLOCK", raw.index(0xC3) + 1)
    path.write_bytes(raw)
    assert seen(lines_of(read_all(path))) == [(1, "")]


@pytest.mark.parametrize(
    ("content", "word", "place"),
    [
        (b"", "empty", (None, None)),
        (b"\n \n\n", "empty", (None, None)),
        (b"\xef\xbb\xbf", "empty", (None, None)),
        (b"\x7fELF\0\1", "binary", (1, 5)),
        ('{"to": "1"}'.encode("utf-16"), "UTF-16", (1, 1)),
        (b"\x1f\x8b\x08\0", "compressed", (1, 1)),
        (b'\n{\n "to": "1"\n}\n', "several lines", (2, 1)),
        (b'[\n{"to": "1"}\n]\n', "list", (1, 1)),
        (b'[{"to": "1"},\n{"to": "1"}]\n', "list", (1, 1)),
    ],
)
def test_a_whole_file_may_be_unusable(
    tmp_path: Path, content: bytes, word: str, place: tuple[int | None, int | None]
) -> None:
    path = tmp_path / "a.jsonl"
    path.write_bytes(content)
    problem = problem_of(path)
    assert word in problem.reason
    assert (problem.line, problem.column) == place
    assert problem.cure


@pytest.mark.parametrize(
    ("content", "word"),
    [
        (b"", "empty"),
        (b"  \n", "empty"),
        (b"hello", "not JSON"),
        (b"\0\0", "binary"),
        (b'[{"to": "1"}]', "list"),
        (b'{"to": "1", "text": "' + b"a" * 2000 + b'"}', "longer than one message"),
    ],
)
def test_a_document_may_be_unusable(tmp_path: Path, content: bytes, word: str) -> None:
    path = tmp_path / "a.json"
    path.write_bytes(content)
    assert word in problem_of(path, Format.JSON).reason


def test_a_line_that_is_not_utf8_spoils_only_itself(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    path.write_bytes(b"ab\xe9\n" + GOOD + b"\n")
    bad, good = lines_of(read_all(path))
    assert bad.mistake is not None
    assert "0xe9 in column 3" in bad.mistake.text
    assert good.request is not None


def test_a_bad_first_line_does_not_spoil_the_rest(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    path.write_bytes(b"to,text\n[1]\n" + GOOD + b"\n")
    assert [code for _, code in seen(lines_of(read_all(path)))] == ["BAD_JSON", "NOT_OBJECT", ""]


@pytest.mark.parametrize("kind", ["link", "fifo", "folder"])
def test_only_plain_files_are_opened(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "a.jsonl"
    if kind == "link":
        (tmp_path / "real").write_bytes(GOOD)
        path.symlink_to("real")
    elif kind == "fifo":
        os.mkfifo(path)
    else:
        path.mkdir()
    with pytest.raises(OSError, match=r"symbolic|not a plain file"):
        open_source(path, Format.JSON_LINES, 1000, (0, 0))
