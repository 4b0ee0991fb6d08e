"""`smppd estimate`: what a file would come to, and that nothing comes of asking."""

from __future__ import annotations

import gzip
import io
import json
import os
import tracemalloc
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import pytest

from smppd.cli import main
from smppd.config import load
from smppd.estimate import estimate
from smppd.journal.store import Batch, open_store
from smppd.message import Lane
from smppd.optout.roll import Change, OptOutList
from smppd.spool.formats import Format
from tests.cli.one_link import configure

PRICES = '[prices]\ncurrency = "EUR"\nES = 0.05\n'


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    configure(tmp_path, monkeypatch, PRICES)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def sms(text: str = "Hola", to: str = "+34600000001", **more: object) -> dict[str, object]:
    return {"to": to, "text": text, **more}


def write(place: Path, lines: Iterable[Mapping[str, object] | bytes]) -> Path:
    octets = [each if isinstance(each, bytes) else json.dumps(each).encode() for each in lines]
    place.write_bytes(b"".join(each + b"\n" for each in octets))
    return place


def asked(capsys: pytest.CaptureFixture[str], *words: str) -> dict[str, Any]:
    assert main(["estimate", "--json", *words]) == 0
    found: dict[str, Any] = json.loads(capsys.readouterr().out)
    return found


def test_messages_parts_encodings_and_cost(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    lines = [
        sms(),
        sms("x" * 161, to="600 000 002"),
        sms("ж" * 71, to="+34600000003"),
        sms(to="+44 7700 900123"),
        sms(to=["+34600000004", "+34600000005"]),  # type: ignore[arg-type]
    ]
    found = asked(capsys, str(write(folder / "a.jsonl", lines)))
    assert (found["lines"], found["messages"], found["states"]) == (5, 6, {"queued": 6})
    assert (found["parts"], found["lengths"]) == (8, {"1": 4, "2": 2})
    assert found["encodings"] == {"gsm7": 5, "ucs2": 1}
    assert found["cost"] == {"currency": "EUR", "estimated": 0.35, "unpriced": 1}
    spain, britain = found["countries"]["ES"], found["countries"]["GB"]
    assert (spain["messages"], spain["parts"], spain["cost"]) == (5, 7, 0.35)
    assert (britain["name"], britain["parts"], britain["cost"]) == ("United Kingdom", 1, None)
    longest = [(each["line"], each["parts"], each["characters"]) for each in found["longest"]]
    assert longest[:2] == [(2, 2, 161), (3, 2, 71)]


def test_characters_that_force_ucs2_the_worst_first(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    lines = [
        sms("Ana\u2019s"),
        sms("it\u2019s 😀", to="+34600000002"),
        sms("plain", to="+34600000003"),
    ]
    lines += [sms("ж", to="+34600000004", encoding="ucs2")]
    found = asked(capsys, str(write(folder / "a.jsonl", lines)))["ucs2"]
    assert (found["messages"], found["parts"], found["more_characters"]) == (2, 2, 0)
    first, second = found["characters"]
    assert (first["character"], first["code"]) == ("\u2019", "U+2019")
    assert first["name"] == "RIGHT SINGLE QUOTATION MARK"
    assert (first["messages"], first["alone"]) == (2, 1)
    assert first["places"] == [{"line": 1, "column": 4}, {"line": 2, "column": 3}]
    assert (second["code"], second["places"]) == ("U+1F600", [{"line": 2, "column": 6}])


def test_transliteration_is_thought_of_for_a_message_of_one_part_as_well(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write(folder / "a.jsonl", [sms("Código 1 válido")])
    assert asked(capsys, "a.jsonl")["ucs2"]["transliteration"]["messages"] == 1


def test_what_transliteration_would_change_and_save(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    lines = [
        sms("\u2019" + "x" * 100),
        sms("“" + "x" * 100, transliterate=True, to="+34600000002"),
        sms("\u2019" + "x" * 100, transliterate=False, to="+34600000003"),
        sms("😀", to="+34600000004"),
    ]
    found = asked(capsys, str(write(folder / "a.jsonl", lines)))
    other = found["ucs2"]["transliteration"]
    assert found["transliterated"] == 1
    assert (other["messages"], other["parts_saved"], other["cost_saved"]) == (1, 1, 0.05)
    assert other["replaced"] == {"\u2019": ["'", 1]}


def test_lines_that_would_be_rejected_with_reasons(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    lines: list[Mapping[str, object] | bytes] = [sms(to="12"), b"no json", sms(to="+34"), sms()]
    lines += [sms(via="nowhere"), sms(to="")]
    found = asked(capsys, str(write(folder / "a.jsonl", lines)))
    assert found["states"] == {"queued": 1, "rejected": 5}
    counts = {code: each["count"] for code, each in found["rejected"].items()}
    assert counts == {"BAD_TO": 2, "BAD_JSON": 1, "BAD_VIA": 1, "EMPTY_TO": 1}
    assert [each["line"] for each in found["rejected"]["BAD_TO"]["examples"]] == [1, 3]
    assert "digits" in found["rejected"]["BAD_TO"]["examples"][0]["text"]
    assert found["invalid_numbers"]["count"] == 3
    assert [each["line"] for each in found["invalid_numbers"]["examples"]] == [1, 3, 6]


def test_repeated_ids_numbers_and_texts(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    lines = [
        sms("one", id="a"),
        sms("two", to="600-000-001", id="b"),
        sms("one", to="0034600000001", id="c"),
        sms("other", to="12", id="bad"),
        sms("other", to="+34600000002", id="bad"),
        sms("other", to="+34600000003", id="a"),
        sms("one", to="+34600000004", id="d"),
    ]
    found = asked(capsys, str(write(folder / "a.jsonl", lines)))
    assert found["states"] == {"queued": 5, "rejected": 1, "duplicate": 1}
    repeated = found["repeated"]
    assert repeated["ids"] == {"values": 1, "messages": 1, "most": {"a": 2}}
    assert repeated["numbers"] == {"values": 1, "messages": 2, "most": {"34600000001": 3}}
    assert repeated["texts"] == {"values": 1, "messages": 1, "most": {"34600000001: one": 2}}


def test_a_text_that_goes_to_a_number_once_is_counted_once(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    lines = [
        sms("one", id="a"),
        sms("one", to="600-000-001", id="b"),
        sms("one", to="+34600000002"),
        sms("two", to="0034600000001"),
        sms("three", to="+34600000002", id="b"),  # its id is free: what had it does not leave
        sms("ñandú " * 60),
        sms("ñandú " * 60),
    ]
    path = write(folder / "a.jsonl", lines)
    assert asked(capsys, str(path))["states"] == {"queued": 6, "duplicate": 1}
    path.write_text(json.dumps({"campaign": {"unique_text": True}}) + "\n" + path.read_text())
    found = asked(capsys, str(path))
    assert found["states"] == {"queued": 5, "duplicate": 2}
    assert found["parts"] == 4 + found["longest"][0]["parts"]
    assert found["repeated"]["ids"]["messages"] == 0


def test_repeats_are_counted_exactly_however_crowded_the_first_look_is(
    folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("smppd.estimate.repeats._SMALLEST", 2)
    monkeypatch.setattr("smppd.estimate.repeats._LARGEST", 2)
    lines = [sms(f"{n}", to=f"+346{n % 90:08d}", id=f"{n % 95}") for n in range(100)]
    repeated = asked(capsys, str(write(folder / "a.jsonl", lines)))["repeated"]
    assert (repeated["ids"]["values"], repeated["ids"]["messages"]) == (5, 5)
    assert (repeated["numbers"]["values"], repeated["numbers"]["messages"]) == (5, 5)
    assert repeated["texts"]["messages"] == 0


def test_who_has_opted_out(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    store = open_store(folder / "journal.db")
    store.commit(Batch(opt_outs=[Change("34600000001", "", 1_700_000_000, "STOP")]))
    store.close()
    lines = [sms(), sms(to="+34600000002"), sms(to="600000001")]
    found = asked(capsys, str(write(folder / "a.jsonl", lines)))
    assert found["states"] == {"queued": 1, "rejected": 2}
    assert found["opted_out"]["count"] == 2
    assert [each["line"] for each in found["opted_out"]["examples"]] == [1, 3]
    assert "opted out" in found["opted_out"]["examples"][0]["text"]


def test_every_format_from_a_file_and_from_standard_input(
    folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    table = b"to;name\n+34600000001;Ana\n+34600000002;Jos\xc3\xa9 Mar\xc3\xada\n"
    (folder / "a.csv").write_bytes(table)
    (folder / "a.csv.meta.json").write_text('{"name": "spring", "text": "Hola {name}"}')
    found = asked(capsys, str(folder / "a.csv"))
    assert (found["file"], found["campaign"], found["states"]) == ("a.csv", "spring", {"queued": 2})
    assert [each["code"] for each in found["ucs2"]["characters"]] == ["U+00ED"]
    assert found["ucs2"]["characters"][0]["places"] == [{"line": 3, "column": 14}]

    packed = gzip.compress(b'{"campaign": {"name": "x"}}\n{"to": "+34600000001", "text": "a"}\n')
    (folder / "b.jsonl.gz").write_bytes(packed)
    assert asked(capsys, str(folder / "b.jsonl.gz"))["campaign"] == "x"
    for given in ("jsonl.gz", ".JSONL.GZ"):
        monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(packed)))
        found = asked(capsys, "-", "--format", given)
        assert (found["file"], found["states"]) == ("standard input", {"queued": 1})
    odd = write(folder / "list.txt2", [sms()])
    assert asked(capsys, str(odd), "--format", "jsonl")["states"] == {"queued": 1}
    (folder / "link.jsonl").symlink_to(write(folder / "c.jsonl", [sms()]))
    assert asked(capsys, str(folder / "link.jsonl"))["file"] == "link.jsonl"


@pytest.mark.parametrize(
    ("name", "content", "words", "code", "says"),
    [
        ("a.jsonl", b"", (), 1, "a.jsonl: is empty"),
        ("a.jsonl", b"{\n}\n", (), 1, "line 1: spreads a message over several lines"),
        ("a.csv", b"number,text\n1,a\n", (), 1, "a.csv"),
        ("a.xls", b"x", (), 2, "a.xls: has no known extension"),
        ("a.jsonl", b"x", ("--format", "xls"), 2, "--format xls is unknown"),
        (None, b"", (), 2, "No such file"),
        (None, b"", ("gone.xls",), 2, "gone.xls: cannot be read: No such file"),
        (None, b"", (".",), 2, ".: cannot be read: is a folder: name a file in it"),
    ],
)
def test_what_cannot_be_estimated_is_one_line(
    folder: Path,
    capsys: pytest.CaptureFixture[str],
    name: str | None,
    content: bytes,
    words: tuple[str, ...],
    code: int,
    says: str,
) -> None:
    if name is not None:
        (folder / name).write_bytes(content)
    if name is not None or not words:
        words = (name or "gone.jsonl", *words)
    assert main(["estimate", *words]) == code
    captured = capsys.readouterr()
    assert captured.out == ""
    assert says in captured.err
    assert captured.err.count("\n") == 1


def test_nothing_is_written(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write(folder / "a.jsonl", [sms(), sms("Ana\u2019s"), sms(to="12")])
    before = sorted(os.walk(folder))
    assert main(["estimate", "a.jsonl"]) == 0
    assert sorted(os.walk(folder)) == before
    out = capsys.readouterr().out
    assert "a.jsonl: 3 lines, 3 messages" in out
    assert "0.10 EUR" in out
    assert "\u2019 U+2019 RIGHT SINGLE QUOTATION MARK: alone in 1, line:column 2:4" in out


def test_memory_stays_flat(folder: Path) -> None:
    peaks = []
    config = load(folder / "smppd.toml")
    assert not isinstance(config, list)
    for count in (10_000, 40_000):
        lines = (sms(f"{n} is it", to=f"+346{n:08d}", id=f"id-{n}") for n in range(count))
        path = write(folder / "a.jsonl", lines)
        tracemalloc.start()
        try:
            at = Lane.NORMAL, 0.0
            found = estimate(config, path, Format.JSON_LINES, OptOutList(), at, lambda *_: None)
            peaks.append(tracemalloc.get_traced_memory()[1])
        finally:
            tracemalloc.stop()
        assert found.messages == count
    assert peaks[1] < 1.3 * peaks[0] + 1_000_000
