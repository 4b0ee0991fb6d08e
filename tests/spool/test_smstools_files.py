"""Files in smstools' format in the inbox: `.sms` and `.txt`, packed or not."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest

from smppd.message import Request
from smppd.ports import Line
from smppd.smstools_text import CODES
from smppd.spool import formats
from smppd.spool.formats import Format, closes, format_of
from smppd.spool.quarantine import Unusable
from smppd.spool.reading import open_source


def read(path: Path, content: bytes) -> Line | Unusable:
    path.write_bytes(gzip.compress(content) if path.suffix == ".gz" else content)
    form = format_of(path.name)
    assert form is not None
    source = open_source(path, form, 10_000, (0, 0))
    try:
        lines: list[Line] = []
        while True:
            chunk = source.next_chunk()
            if isinstance(chunk, Unusable):
                return chunk
            lines += chunk.lines
            if chunk.last:
                (line,) = lines
                return line
    finally:
        source.close()


@pytest.mark.parametrize("name", ["a.sms", "a.txt", "A.SMS", "a.sms.gz"])
def test_a_message_of_smstools_is_a_line(tmp_path: Path, name: str) -> None:
    line = read(tmp_path / name, b"To: 34600000001\nUser: ana\nFlash: yes\n\nMa\xf1ana\n")
    assert isinstance(line, Line)
    assert isinstance(line.request, Request)
    assert (line.request.to, line.request.text) == ("+34600000001", "Mañana")
    assert (line.request.flash, line.request.receipt) == (True, True)
    assert line.request.echo == {"x-User": b'"ana"'}


def test_octets_pass_as_they_are(tmp_path: Path) -> None:
    line = read(
        tmp_path / "a.sms", b"To: 34600000001\nAlphabet: binary\nUDH: no\n\n\x00\x01\xff\x00"
    )
    assert isinstance(line, Line)
    assert line.request is not None
    assert line.request.data == "0001ff00"


def test_settings_beside_it_are_its_defaults(tmp_path: Path) -> None:
    (tmp_path / "a.sms.meta.json").write_text('{"from": "ACME", "priority": "bulk"}')
    line = read(tmp_path / "a.sms", b"To: 34600000001\nPriority: high\n\nx")
    assert isinstance(line, Line)
    assert line.request is not None
    assert (line.request.from_, line.request.priority) == ("ACME", "high")


def test_a_mistake_is_a_rejected_line(tmp_path: Path) -> None:
    for content, code in (
        (b"From: x\n\nx", "MISSING_TO"),
        (b"To: 34600000001\nVoicecall: yes\n\nx", "NOT_BY_SMPP"),
        (b"To: 34600000001\n\n \n", "EMPTY_TEXT"),
    ):
        line = read(tmp_path / "a.txt", content)
        assert isinstance(line, Line)
        assert line.mistake is not None
        assert line.mistake.code == code
        assert line.to in ("", "34600000001", "+34600000001")


@pytest.mark.parametrize("content", [b"dear all\n\nthis is a letter", b'{"to": "1"}', b" \n"])
def test_another_text_is_unusable(tmp_path: Path, content: bytes) -> None:
    found = read(tmp_path / "a.txt", content)
    assert isinstance(found, Unusable)


def test_nothing_shows_where_it_ends() -> None:
    assert closes(Format.SMS, b"To: 1\n\nx")
    assert closes(Format.TXT, b"To: 1\n\n\x00")
    assert not closes(Format.SMS, b"\n")


def test_its_codes_are_among_those_of_the_spool() -> None:
    assert CODES.items() <= formats.CODES.items()
