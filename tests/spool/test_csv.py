"""CSV: what a row says, where each mistake is told to be, and that nothing depends on chunks."""

from __future__ import annotations

import csv
import gzip
import io
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from smppd.message import PlainRequest, Request
from smppd.ports import Line
from smppd.spool import csv_file, packed
from smppd.spool.chunks import Chunk
from smppd.spool.formats import Format, format_of
from smppd.spool.quarantine import Unusable
from smppd.spool.reading import open_source

MAX_LINE = 10_000


def read(path: Path, max_line: int = MAX_LINE) -> list[Chunk] | Unusable:
    form = format_of(path.name)
    assert form is not None
    source = open_source(path, form, max_line, (0, 0))
    return rest_of(source)


def rest_of(source: Any) -> list[Chunk] | Unusable:
    chunks: list[Chunk] = []
    try:
        while not chunks or not chunks[-1].last:
            outcome = source.next_chunk()
            if isinstance(outcome, Unusable):
                assert not any(chunk.lines for chunk in chunks)
                return outcome
            chunks.append(outcome)
    finally:
        source.close()
    return chunks


def lines_of(chunks: list[Chunk] | Unusable) -> list[Line]:
    assert not isinstance(chunks, Unusable), chunks
    return [line for chunk in chunks for line in chunk.lines]


def written(
    tmp_path: Path, content: bytes | str, campaign: dict[str, object] | None = None
) -> Path:
    path = tmp_path / "a.csv"
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    if campaign is not None:
        (tmp_path / "a.csv.meta.json").write_text(json.dumps(campaign))
    return path


def requests(tmp_path: Path, content: bytes | str, **campaign: object) -> list[Request | None]:
    lines = lines_of(read(written(tmp_path, content, campaign or None)))
    assert [line.mistake for line in lines] == [None] * len(lines)
    return [line.request for line in lines]


def problem(tmp_path: Path, content: bytes | str, **campaign: object) -> Unusable:
    outcome = read(written(tmp_path, content, campaign or None))
    assert isinstance(outcome, Unusable), outcome
    return outcome


def mistakes(
    tmp_path: Path, content: bytes | str, **campaign: object
) -> dict[int, tuple[str, str]]:
    lines = lines_of(read(written(tmp_path, content, campaign or None)))
    return {each.number: (each.mistake.code, each.mistake.text) for each in lines if each.mistake}


# ── what a file says ─────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("bom", [b"", b"\xef\xbb\xbf"])
@pytest.mark.parametrize("end", ["\n", "\r\n"])
@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
def test_delimiters_line_ends_and_byte_order_marks(
    tmp_path: Path, bom: bytes, end: str, delimiter: str
) -> None:
    rows = [["To", " text ", "from"], ["600", "¡Hola, señor; qué\ttal!", ""]]
    out = io.StringIO(newline="")
    csv.writer(out, delimiter=delimiter, lineterminator=end).writerows(rows)
    found = requests(tmp_path, bom + out.getvalue().encode())
    assert found == [PlainRequest(to="600", text="¡Hola, señor; qué\ttal!")]


def test_every_kind_of_field(tmp_path: Path) -> None:
    content = (
        "to,text,id,receipt,flash,expires,tlv,x-n,priority\n"
        '600,a,k,no,TRUE,90,"{""0x1400"": ""0a""}",7,high\n'
        '"601, +34 602|603",b,,,,10m,,,\n'
    )
    one, two = requests(tmp_path, content)
    assert one == Request(
        to="600",
        text="a",
        id="k",
        receipt=False,
        flash=True,
        expires=90.0,
        tlv={"0x1400": "0a"},
        echo={"x-n": b'"7"'},
        priority="high",
    )
    assert two == Request(to=["601", "+34 602", "603"], text="b", expires="10m")


def test_rows_that_say_nothing_are_passed_over_and_lines_are_physical(tmp_path: Path) -> None:
    path = written(tmp_path, '\nto,text\n\n600,"a\nb"\n,\n601,c\n\n')
    assert [(each.number, each.request and each.request.text) for each in lines_of(read(path))] == [
        (4, "a\nb"),
        (7, "c"),
    ]


def test_mail_merge(tmp_path: Path) -> None:
    content = "to,name,Amount,x-ref,text\n600,Ana,5%,r1,\n601,Bo,,r2,own {text}\n602,,7,r3,\n"
    lines = lines_of(
        read(
            written(
                tmp_path,
                content,
                {"text": "Hola {name}: {Amount} of 100% {{x}} {x-ref}", "from": "ACME"},
            )
        )
    )
    assert [line.request and line.request.text for line in lines] == [
        "Hola Ana: 5% of 100% {x} r1",
        "own {text}",
        None,
    ]
    assert all(line.request is None or line.request.from_ == "ACME" for line in lines)
    assert lines[2].mistake is not None
    assert lines[2].mistake.code == "MISSING_VALUE"
    assert "column 2 (name)" in lines[2].mistake.text
    assert (lines[2].to, lines[2].echo) == ("602", {"x-ref": b'"r3"'})


def test_a_field_of_the_campaign_gives_way_to_that_of_a_row(tmp_path: Path) -> None:
    one, two = requests(
        tmp_path,
        "to,text,from,data\n600,a,ME,\n601,,,00ff\n",
        text="d",
        receipt=False,
        **{"from": "US"},
    )
    assert one == Request(to="600", text="a", from_="ME", receipt=False)
    assert two == Request(to="601", data="00ff", from_="US", receipt=False)


def test_columns_for_the_http_api(tmp_path: Path) -> None:
    [line] = lines_of(read(written(tmp_path, "to,template,params\n600,7,name:Ana\n")))
    assert line.mistake is None
    assert line.request is not None
    assert line.request.to == "600"


# ── what makes a file unusable ───────────────────────────────────────────────────────────────

UNUSABLE: list[tuple[bytes | str, dict[str, object], str, str, int | None]] = [
    ("", {}, "is empty", "", None),
    ("to,text\n", {}, "holds a header row and no messages", "", 1),
    ("+34600000001,Hola\n", {}, "unknown column", "names the columns", 1),
    ("to,texto\n600,a\n", {}, "'texto'", "did you mean text?", 1),
    ("\nto,text,form\n600,a,b\n", {}, "'form'", "did you mean from?", 2),
    ("to,text,name\n600,a,b\n", {}, "'name'", "x-name", 1),
    ("to,name\n600,a\n", {}, "'name'", "x-name", 1),
    ("to,from\n600,a\n", {}, "no column named text", "", 1),
    ("text,from\n600,a\n", {}, "no column named to", "", 1),
    ("to,text,\n600,a,b\n", {}, "no name for column 3", "", 1),
    ("to,text,To\n600,a,b\n", {}, "'to' twice", "", 1),
    ('to,"text\n600,a\n', {}, "wrong quotes", "", 1),
    ("to,text\r600,a\r", {}, "CR alone", "LF", 1),
    ("to,texto\n600,señor\n".encode("latin-1"), {}, "0xf1 in line 2, column 7", "CSV UTF-8", 2),
    ("to,text\n600,a\n".encode("utf-16"), {}, "UTF-16", "", 1),
    ("to,text\n600,\0\n", {}, "NUL octet in line 2, column 5", "", 2),
    (gzip.compress(b"to,text\n600,a\n"), {}, "is compressed", ".gz", 1),
    ("to," + "x" * 70_000 + "\n600,a\n", {}, "endless header", "", 1),
    ("to,text," + ",".join(f"x-{n}" for n in range(1001)), {}, "1,003 columns", "remove", 1),
    ("to,nombre\n600,a\n", {"text": "Hola {nombr}"}, "'nombr'", "{nombre}", 1),
    ("to,nombre\n600,a\n", {"text": "Hola {"}, "brace stands alone in column 6", "{{", 1),
    ("to,nombre\n600,a\n", {"text": "Hola {}"}, "without a name in column 6", "", 1),
    ("to,name,sendr\n600,a,b\n", {"text": "Hola {name}"}, "'sendr'", "did you mean from?", 1),
    ("to,text\n600,a\n", {"sprad": "2h"}, "'sprad'", "did you mean spread?", 1),
    ("to,text\n600,a\n", {"spread": "2 hours"}, "spread", "2h", 1),
    ("to,text\n600,a\n", {"to": "601"}, "to: is each line's own", "", 1),
    ("to,text\n600,a\n", {"once": True}, "once: needs a name", "", 1),
    ("to,text\n600,a\n", {"name": 7}, "name: must be a text", "autumn", 1),
    ("to,text\n600,a\n", {"canary": 0}, "canary", "100", 1),
    ("to,text\n600,a\n", {"canary": {"max_failed": "5%"}}, "canary", "100", 1),
    ("to,text\n600,a\n", {"canary": {"messages": 5, "max": 1}}, "'max'", "100", 1),
    ("to,text\n600,a\n", {"canary": {"messages": 5, "max_failed": "150%"}}, "max_failed", "", 1),
    ("to,text\n600,a\n", {"expires": "soon"}, "expires", "", 1),
    ("to,text\n600,a\n", {"receipt": "no"}, "receipt: must be true or false", "", 1),
]


@pytest.mark.parametrize(("content", "campaign", "reason", "cure", "line"), UNUSABLE)
def test_what_cannot_be_used_says_where_and_how_to_mend_it(
    tmp_path: Path,
    content: bytes | str,
    campaign: dict[str, object],
    reason: str,
    cure: str,
    line: int | None,
) -> None:
    found = problem(tmp_path, content, **campaign)
    assert reason in found.reason
    assert cure in found.cure
    assert found.cure
    assert found.line == line


def test_a_sidecar_that_is_no_json(tmp_path: Path) -> None:
    path = written(tmp_path, "to,text\n600,a\n")
    (tmp_path / "a.csv.meta.json").write_text('{"name": "x",\n "from" "ACME"}')
    found = read(path)
    assert isinstance(found, Unusable)
    assert "a.csv.meta.json" in found.reason
    assert "line 2" in found.reason


# ── what makes a row wrong ───────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("row", "code", "text"),
    [
        ("600,a,b,c", "RAGGED", "4 cells and the header names 3"),
        ("600", "RAGGED", "1 cells"),
        ('600,"say "hi" now",', "BAD_QUOTES", "column 10, cell text"),
        ('600,"never closed,', "BAD_QUOTES", "column 5, cell text, is not closed"),
        ("600,a\rb,", "BAD_QUOTES", "a CR in column 6"),
        (",a,", "EMPTY_TO", "to: empty"),
        ('"600,",a,', "EMPTY_TO", "to: empty"),
        ("600,,", "MISSING_TEXT", "text"),
        ("600,a,perhaps", "BAD_TYPE", "receipt: must be true or false, not 'perhaps'"),
        ("600," + "x" * 2_000_000 + ",", "LINE_TOO_LONG", "longer than 10000 octets"),
    ],
)
def test_one_bad_row_stays_one(tmp_path: Path, row: str, code: str, text: str) -> None:
    path = written(tmp_path, f"to,text,receipt\n598,before,\n{row}\n601,after,\n602,last,\n")
    lines = lines_of(read(path))
    assert [line.number for line in lines if line.request] == [2, 4, 5]
    [bad] = [line for line in lines if line.mistake]
    assert bad.mistake is not None
    assert (bad.number, bad.mistake.code) == (3, code)
    assert text in bad.mistake.text
    assert ": " in bad.mistake.text


def test_a_row_over_many_lines_that_is_endless_costs_its_first_line(tmp_path: Path) -> None:
    content = 'to,text\n600,"' + "\n".join(["x" * 99] * 200) + "\n601,after\n"
    found = mistakes(tmp_path, content)
    assert found[2][0] == "BAD_QUOTES"
    assert {code for number, (code, _) in found.items() if number > 2} == {"RAGGED"}
    assert lines_of(read(tmp_path / "a.csv"))[-1].request == PlainRequest(to="601", text="after")


def test_octets_that_are_not_utf8_in_a_file_that_is(tmp_path: Path) -> None:
    content = "to,text\n600,señor\n".encode() + b"601,se\xf1or\n602,c\n"
    assert mistakes(tmp_path, content) == {
        3: ("BAD_UTF8", "not UTF-8: octet 0xf1 in line 3, column 7: save it as UTF-8")
    }


def test_a_nul_behind_the_first_block(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(csv_file, "BLOCK", 4096)
    content = "to,text\n" + "600,a\n" * 5000 + "601,b\0c\n602,d\n"
    assert mistakes(tmp_path, content) == {
        5002: ("NUL_OCTET", "a NUL octet in line 5002, column 6: take it out")
    }


# ── nothing depends on chunks ────────────────────────────────────────────────────────────────

TEXT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), min_size=1)


@given(
    texts=st.lists(TEXT.filter(str.strip), min_size=1, max_size=20),
    delimiter=st.sampled_from(",;\t"),
    dialect=st.sampled_from(["\n", "\r\n"]),
    quoting=st.sampled_from([csv.QUOTE_MINIMAL, csv.QUOTE_ALL]),
    compressed=st.booleans(),
)
@settings(
    max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None
)
def test_what_pythons_own_writers_wrote_comes_back_exactly(
    tmp_path: Path, texts: list[str], delimiter: str, dialect: str, quoting: Any, compressed: bool
) -> None:
    if (dialect, quoting) == ("\n", csv.QUOTE_MINIMAL):  # Python's writer leaves a CR unquoted then
        texts = [text.replace("\r", "_") for text in texts]
    out = io.StringIO(newline="")
    writer = csv.writer(out, delimiter=delimiter, lineterminator=dialect, quoting=quoting)
    writer.writerows(
        [["to", "text", "x-n"], *(["600", text, str(n)] for n, text in enumerate(texts))]
    )
    content = out.getvalue().encode()
    path = tmp_path / ("a.csv.gz" if compressed else "a.csv")
    path.write_bytes(gzip.compress(content) if compressed else content)
    found = [line.request for line in lines_of(read(path, 1 << 20))]
    assert [request and request.text for request in found] == texts
    assert [request and request.echo for request in found] == [
        {"x-n": b'"%d"' % n} for n in range(len(texts))
    ]


ROWS = st.lists(
    st.sampled_from(
        [
            "600,a",
            '601,"b\nc"',
            '602,"d ""e""\r\n\r\nf"',
            "",
            ",",
            "603",
            '604,"open',
            '605,"x" y',
            "606," + "z" * 90,
            '607,"' + "z" * 20 + "\n" + "z" * 50 + '"',
        ]
    ),
    max_size=15,
)


def seen(line: Line) -> tuple[Any, ...]:
    return line.number, line.request, line.mistake, line.to, line.id


@given(
    rows=ROWS,
    end=st.sampled_from(["", "\n", "\r\n"]),
    block=st.integers(1, 60),
    chunk=st.integers(1, 4),
    reads=st.integers(1, 4),
    members=st.integers(0, 3),
)
@settings(
    max_examples=300, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None
)
def test_any_chunks_and_any_checkpoint_give_the_same_lines(
    tmp_path: Path, rows: list[str], end: str, block: int, chunk: int, reads: int, members: int
) -> None:
    content = ("\ufeffto,text\n" + "\n".join(["600,first", *rows]) + end).encode()
    path = tmp_path / ("a.csv.gz" if members else "a.csv")
    step = len(content) // members + 1 if members else 1
    cut = [content[at : at + step] for at in range(0, len(content), step)]
    path.write_bytes(b"".join(map(gzip.compress, cut)) if members else content)
    whole = [seen(line) for line in lines_of(read(path, 60))]
    with pytest.MonkeyPatch.context() as patch:
        for module in (csv_file, packed):
            patch.setattr(module, "BLOCK", block)
            patch.setattr(module, "READS", reads)
        patch.setattr(csv_file, "CHUNK", chunk)
        chunks = read(path, 60)
        assert not isinstance(chunks, Unusable)
        assert [seen(line) for line in lines_of(chunks)] == whole
        assert all(len(each.lines) <= chunk for each in chunks)
        assert chunks[-1].offset == len(content)
        terms = next(each.terms for each in chunks if each.terms)
        for number, each in enumerate(chunks):
            if each.lines:
                start = each.offset, each.line
                rest = rest_of(open_source(path, Format.CSV, 60, start, terms))
                assert list(map(seen, lines_of(rest))) == list(
                    map(seen, lines_of(chunks[number + 1 :]))
                )
