"""What a member of the group may hand in to do harm: it costs no more memory and time than it has octets.

Each of these is a line of the table in SECURITY.md. What is cut short elsewhere (lines, sidecars, what
is packed) has its tests there.
"""

from __future__ import annotations

import contextlib
import json
import os
import resource
import tracemalloc
from collections.abc import Sequence
from pathlib import Path

import pytest
import trio
import trio.testing

from smppd.config import LinkConfig
from smppd.figures import SpoolFigures
from smppd.message import Lane, Message
from smppd.pipeline.items import Items, Terms
from smppd.ports import Claimed, Line, Unread
from smppd.spool import field_names
from smppd.spool.chunks import LOOKED_AT, Chunk
from smppd.spool.csv_file import CsvFile
from smppd.spool.csv_header import MOST_COLUMNS, read_header
from smppd.spool.formats import Format, format_of
from smppd.spool.intake import Intake
from smppd.spool.legible import MOST_LEVELS
from smppd.spool.quarantine import Unusable, quarantine
from smppd.spool.reading import open_source
from smppd.spool.templates import MOST_CHARACTERS, TOO_LONG, parse_template
from smppd.spool.wide import MOST_DESTINATIONS, destinations
from smppd.transliteration import transliterate

MAX_LINE = 1 << 20
NUMBER = "34600000001"


def chunks(path: Path, start: tuple[int, int] = (0, 0), terms: bytes = b"") -> list[Chunk]:
    """All of a file, chunk by chunk."""
    form = format_of(path.name)
    assert form is not None
    source = open_source(path, form, MAX_LINE, start)
    found: list[Chunk] = []
    while not found or not found[-1].last:
        chunk = source.next_chunk()
        assert isinstance(chunk, Chunk), chunk
        found.append(chunk)
    source.close()
    return found


def lines(path: Path) -> list[Line]:
    return [line for chunk in chunks(path) for line in chunk.lines]


# ── texts that grow ──────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("kind", ["csv", "jsonl"])
def test_a_template_that_names_a_long_field_over_and_over_fills_no_memory(
    tmp_path: Path, kind: str
) -> None:
    """A hundred kilobytes that would become a gigabyte."""
    path = tmp_path / f"a.{kind}"
    long = "y" * 100_000
    if kind == "csv":
        path.write_text(f"to,x-a\n{NUMBER},{long}\n{NUMBER},short\n")
    else:
        both = ({"to": NUMBER, "x-a": text} for text in (long, "y"))
        path.write_text("".join(f"{json.dumps(each)}\n" for each in both))
    path.with_name(f"{path.name}.meta.json").write_text(json.dumps({"text": "{x-a}" * 10_000}))
    tracemalloc.start()
    found = lines(path)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 20 << 20, "a hundred times the file, and no more"
    assert found[0].mistake == TOO_LONG
    assert found[1].mistake is None


def test_what_no_message_holds_is_not_put_together() -> None:
    template = parse_template("{a}{a}")
    assert not isinstance(template, str)
    half = "x" * (MOST_CHARACTERS // 2 - 2)
    assert isinstance(template.filled([half, half]), str)
    assert template.filled([half, half + "x" * 10]) is TOO_LONG


# ── lines that are many messages ─────────────────────────────────────────────────────────────


@pytest.mark.parametrize("kind", ["csv", "jsonl"])
def test_a_chunk_of_lines_with_many_destinations_is_cut_and_loses_none(
    tmp_path: Path, kind: str
) -> None:
    path = tmp_path / f"a.{kind}"
    widths = [1, 600, 600, 1, 1, 1000, 1000, 2, 1, 400, 1]
    several = [[f"346{n:08}" for n in range(width)] for width in widths]
    if kind == "csv":
        rows = "".join(f'"{" ".join(each)}",Hola\n' for each in several)
        path.write_text("to,text\n" + rows.replace(" ", ","))
    else:
        path.write_text(
            "".join(f"{json.dumps({'to': each, 'text': 'Hola'})}\n" for each in several)
        )
    found = chunks(path)
    got = [destinations(line) for chunk in found for line in chunk.lines]
    assert got == widths
    sizes = [sum(map(destinations, chunk.lines)) for chunk in found]
    assert len([size for size in sizes if size]) > 2
    assert max(sizes) < 2 * MOST_DESTINATIONS
    if kind == "jsonl":
        for number, chunk in enumerate(found[:-1]):  # reading goes on where a chunk was cut
            rest = [
                line.number
                for each in chunks(path, (chunk.offset, chunk.line))
                for line in each.lines
            ]
            assert rest == [line.number for each in found[number + 1 :] for line in each.lines]


def test_a_line_with_too_many_destinations_is_rejected_and_the_rest_goes(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    wide = {"to": [NUMBER] * (MOST_DESTINATIONS + 1), "text": "Hola", "id": "w"}
    path.write_text(f"{json.dumps(wide)}\n{json.dumps({'to': NUMBER, 'text': 'Hola'})}\n")
    first, second = lines(path)
    assert first.mistake is not None
    assert first.mistake.code == "TOO_MANY_TO"
    assert (first.id, second.mistake) == ("w", None)


# ── columns, depth ───────────────────────────────────────────────────────────────────────────


def test_thousands_of_columns_are_refused_before_they_are_compared() -> None:
    began = resource.getrusage(resource.RUSAGE_SELF).ru_utime
    found = read_header(",".join(f"x-{n:x}" for n in range(12_000)))
    took = resource.getrusage(resource.RUSAGE_SELF).ru_utime - began
    assert isinstance(found, Unusable)
    assert f"more than {MOST_COLUMNS:,}" in found.reason
    assert took < 1.0


def test_json_that_is_nested_without_end_is_one_bad_line(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    deep = f'{{"to": "{NUMBER}", "text": "a", "x-a": {"[" * 200_000}{"]" * 200_000}}}'
    good = json.dumps({"to": NUMBER, "text": "a"})
    path.write_text(f"{deep}\n{good}\n")
    first, second = lines(path)
    assert first.mistake is not None
    assert second.mistake is None


UNREADABLE = [
    "1e999999",
    "9" * 5000,
    '{"a": [1e999999]}',
    "[" * (MOST_LEVELS + 1) + "]" * (MOST_LEVELS + 1),
]


@pytest.mark.parametrize("value", UNREADABLE)
@pytest.mark.parametrize("before", ['"from": "A",', '"priority": "high",'])
def test_what_no_program_can_read_is_not_echoed_and_is_one_bad_line(
    tmp_path: Path, value: str, before: str
) -> None:
    path = tmp_path / "a.jsonl"
    odd = f'{{"to": "{NUMBER}", {before} "text": "a", "id": "odd", "x-a": {value}, "x-b": [ 1 ]}}'
    levels = "[" * MOST_LEVELS + "]" * MOST_LEVELS
    good = f'{{"to": "{NUMBER}", "text": "a", "x-a": {levels}, "x-b": 1e300}}'
    path.write_text(f"{odd}\n{good}\n")
    first, second = lines(path)
    assert first.mistake is not None
    assert first.mistake.code == "BAD_TYPE"
    assert first.mistake.text.startswith("x-a: holds a number that is too large, or is nested")
    assert (first.id, first.echo) == ("odd", {"x-b": b"[1]"})
    assert second.request is not None
    assert second.request.echo == {"x-a": levels.encode(), "x-b": b"1e300"}


@pytest.mark.parametrize(
    ("settings", "about"),
    [
        *((f'"{name}": {value}', name) for name in ("text", "name", "x-a") for value in UNREADABLE),
        (f'"spread": {"9" * 300}', "spread"),
        (f'"canary": {"9" * 30}', "canary"),
        (f'"canary": {{"messages": 5, "wait": {"9" * 300}}}', "canary"),
        (f'"canary": {{"messages": 5, "max_failed": {"9" * 300}}}', "canary"),
    ],
)
def test_settings_with_numbers_beyond_all_others_keep_the_file_back(
    tmp_path: Path, settings: str, about: str
) -> None:
    path = tmp_path / "a.jsonl"
    path.write_text(f'{{"campaign": {{{settings}}}}}\n{{"to": "{NUMBER}", "text": "a"}}\n')
    source = open_source(path, Format.JSON_LINES, MAX_LINE, (0, 0))
    problem = source.next_chunk()
    source.close()
    assert isinstance(problem, Unusable)
    assert about in problem.reason


@pytest.mark.parametrize("row", ['x","', '"a', '"', '","'])
def test_rows_that_never_end_are_not_read_to_their_end_over_and_over(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, row: str
) -> None:
    """Each line begins a row that goes on as long as a row may: of a mebibyte, the square of a mebibyte."""
    path, most = tmp_path / "a.csv", 1 << 16
    count = most // (len(row) + 1)
    path.write_text("to,text\n" + f"{row}\n" * count)
    decoded, read = CsvFile._decoded, 0

    def counted(self: CsvFile, raw: bytes) -> str:
        nonlocal read
        read += len(raw) + 1
        assert read < count * 2048
        return decoded(self, raw)

    monkeypatch.setattr(CsvFile, "_decoded", counted)
    source = open_source(path, Format.CSV, most, (0, 0))
    with contextlib.closing(source):
        last = False
        while not last:
            chunk = source.next_chunk()
            assert isinstance(chunk, Chunk)
            assert all(line.mistake for line in chunk.lines)
            last = chunk.last


@pytest.mark.parametrize(
    ("name", "blank"), [("a.csv", ""), ("a.csv", ","), ("a.jsonl", ""), ("a.jsonl", " ")]
)
def test_blank_lines_end_a_chunk_too_and_are_counted(tmp_path: Path, name: str, blank: str) -> None:
    """A mebibyte of them was one chunk, for which all others waited."""
    path, count = tmp_path / name, 100_000
    head, line = ("to,text\n", f"{NUMBER},a\n")
    if name == "a.jsonl":
        head, line = "", json.dumps({"to": NUMBER, "text": "a"}) + "\n"
    path.write_text(f"{head}{line}" + f"{blank}\n" * count + line)
    found = chunks(path)
    assert len(found) >= count // LOOKED_AT
    first, last = [each for chunk in found for each in chunk.lines]
    assert last.number == first.number + count + 1
    assert found[-1].offset == path.stat().st_size


def test_behind_an_endless_row_a_cell_may_have_many_lines_again(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    long = "b\n" * 10_000
    path.write_text('to,text\n1,"x\n' + f'{NUMBER},"a\n{long}"\n' * 3)
    first, *others = lines(path)
    assert first.mistake is not None
    assert [line.request and line.request.text for line in others] == [f"a\n{long}"] * 3


def test_a_long_name_is_neither_compared_nor_kept(tmp_path: Path) -> None:
    """A quarter of a second each, and 256 of them for good."""
    path = tmp_path / "a.jsonl"
    before = field_names._meant.cache_info().currsize
    path.write_text("".join(f'{{"to": "1", "tex{n}{"t" * 500_000}": 1}}\n' for n in range(3)))
    for line in lines(path):
        assert line.mistake is not None
        assert line.mistake.code == "UNKNOWN_FIELD"
        assert len(line.mistake.text) < 200
    assert field_names._meant.cache_info().currsize == before


def test_a_text_for_many_is_transliterated_once(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    many = [f"346{n:08d}" for n in range(MOST_DESTINATIONS)]
    path.write_text(json.dumps({"to": many, "text": "“a”ñ" * 9000, "transliterate": True}) + "\n")
    link = LinkConfig(name="main", hosts=(("h", 1),), system_id="a")
    terms = Terms({"main": link}, dict.fromkeys([("main", lane) for lane in Lane], 1), "", 0.0)
    before = transliterate.cache_info().misses
    [line] = lines(path)
    items = Items(terms, lambda *_: 1).of_each([line], Lane.NORMAL, 1_767_268_800.0)
    assert {type(item.verdict) for item in items} == {Message}
    assert len(items) == len(many)
    assert transliterate.cache_info().misses == before + 1


def test_a_long_id_is_refused_and_not_repeated_whole(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    texts = [{"to": NUMBER, "text": "a", "id": "a" * 500}, {"to": "9" * 9999, "id": "a" * 9999}]
    texts.append({"to": NUMBER, "text": "a", "id": "a" * 9999, "encoding": "gsm7"})
    path.write_text("".join(f"{json.dumps(each)}\n" for each in texts))
    first, *others = lines(path)
    assert first.mistake is None
    for each in others:
        assert each.mistake is not None
        assert len(each.to) <= 200
        assert each.id == "a" * 200


# ── files that cost their writer nothing ─────────────────────────────────────────────────────


def holey(tmp_path: Path) -> Path:
    """A good line, and a tebibyte that is not there; skipped where the disk does not tell."""
    path = tmp_path / "a.jsonl"
    path.write_bytes(b" " * 200_000 + b'\n{"to": "%s", "text": "a"}\n' % NUMBER.encode())
    os.truncate(path, 1 << 40)
    with path.open("rb") as file:
        if os.lseek(file.fileno(), 0, os.SEEK_HOLE) >= 1 << 40:
            pytest.skip("this filesystem knows no holes")
    return path


@pytest.mark.parametrize("name", ["a.jsonl", "a.jsonl.gz", "a.json", "a.csv"])
def test_a_file_with_a_hole_is_refused_whole(tmp_path: Path, name: str) -> None:
    path = holey(tmp_path).rename(tmp_path / name)
    form = format_of(name)
    assert form is not None
    problem = open_source(path, form, MAX_LINE, (0, 0)).next_chunk()
    assert isinstance(problem, Unusable)
    assert problem.reason == "has a hole: octets that nobody has written"


def test_a_hole_that_is_made_while_the_file_is_read_is_not_read(tmp_path: Path) -> None:
    path = holey(tmp_path)
    os.truncate(path, 200_100)
    path.write_bytes(path.read_bytes().rstrip(b"\0"))
    source = open_source(path, Format.JSON_LINES, MAX_LINE, (0, 0))
    os.truncate(path, 1 << 40)
    with pytest.raises(OSError, match="has a hole"):
        _ = [source.next_chunk() for _ in range(100)]
    source.close()


# ── what lies beside a file ──────────────────────────────────────────────────────────────────


def test_what_lies_beside_a_bad_file_is_copied_as_it_is_and_no_link_followed(
    tmp_path: Path,
) -> None:
    (tmp_path / "inbox").mkdir()
    secret = tmp_path / "secret"
    secret.write_text("a secret of the daemon's")
    problem = Unusable("is bad", "mend it")
    for name, long in (("a.json", 3 << 20), ("b.json", 0)):
        file = tmp_path / "inbox" / name
        file.write_text("bad")
        beside = file.with_name(f"{name}.meta.json")
        if long:
            beside.write_bytes(b"x" * long)
        else:
            beside.symlink_to(secret)
        placed = quarantine(tmp_path, file, problem, 1_767_268_800.0)
        kept = placed.with_name(f"{placed.name}.meta.json")
        assert kept.exists() is bool(long)
        assert not long or kept.stat().st_size == long
    assert secret.read_text() == "a secret of the daemon's"


# ── whose turn it is ─────────────────────────────────────────────────────────────────────────


class Slow:
    """An admission that takes its time, and never waits for anything itself."""

    def __init__(self, clock: trio.testing.MockClock, seconds: float) -> None:
        self._clock = clock
        self._seconds = seconds
        self.admitted = 0

    async def open_file(self, claimed: Claimed) -> Unread:
        return Unread(1, claimed, 0, 0)

    async def close_file(self, _: int) -> None:
        """It is read."""

    async def admit(self, _file: int, lines: Sequence[Line], _offset: int, _line: int) -> None:
        self._clock.jump(self._seconds)
        self.admitted += len(lines)


@pytest.mark.parametrize(("seconds", "waits"), [(1.0, True), (0.0, False)])
async def test_a_chunk_that_took_long_gives_all_others_their_turn(
    tmp_path: Path, mock_clock: trio.testing.MockClock, seconds: float, waits: bool
) -> None:
    path = tmp_path / "a.jsonl"
    path.write_text(f"{json.dumps({'to': NUMBER, 'text': 'Hola'})}\n" * 2000)
    admission = Slow(mock_clock, seconds)
    intake = Intake(admission, lambda _: None, None, MAX_LINE, SpoolFigures())  # type: ignore[arg-type]
    turns: list[int] = []

    async def others() -> None:
        while admission.admitted < 2000:
            turns.append(admission.admitted)
            await trio.lowlevel.checkpoint()

    async with trio.open_nursery() as nursery:
        nursery.start_soon(others)
        await trio.lowlevel.checkpoint()
        await intake.read_whole(Claimed("token", "a.jsonl", Lane.NORMAL, tmp_path))
    # In each round both have a turn, in any order: of eight chunks others see every second one at least.
    assert (len(set(turns)) >= 4) is waits
