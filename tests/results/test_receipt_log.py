"""The log of receipts: every receipt once, in the hour it came, whatever was torn or missed."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from smppd.ledger.facts import Fact, Kind, ReceiptFact, receipt_text
from smppd.ports import ReceiptOf
from smppd.results.receipts import ReceiptLog
from smppd.smpp.vocabulary import MessageState

#: 2026-11-21T10:59:00Z
START = 1_795_258_740.0
HOUR = "receipts-20261121-10.jsonl"
NEXT = "receipts-20261121-11.jsonl"


def receipt(
    seq: int, at: float = START, state: int = 2, *, matched: bool = True, message_id: str = "abc"
) -> ReceiptOf:
    text = receipt_text(ReceiptFact("main", message_id, "000", "2611211059", "34600000001"))
    if not matched:
        return ReceiptOf.by(Fact(seq, at, Kind.PARKED, None, None, state, text), None, None)
    return ReceiptOf.by(Fact(seq, at, Kind.RECEIPT, 5, 0, state, text), f"id{seq}", "34600000001")


def lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_bytes().split(b"\n") if line]


def seqs(folder: Path) -> list[int]:
    """The seqs of all lines of all hours, in order."""
    return [line["seq"] for path in sorted(folder.glob("receipts-*.jsonl")) for line in lines(path)]


def test_a_line_says_what_the_receipt_said_and_whose_it_was(tmp_path: Path) -> None:
    log = ReceiptLog(tmp_path)
    log.recover()
    log.append([receipt(7), receipt(8, START + 1, 5, matched=False), receipt(9, START + 1, 0)])
    first, second, third = lines(tmp_path / HOUR)
    assert first == {
        "seq": 7,
        "time": "2026-11-21T10:59:00.000Z",
        "link": "main",
        "message_id": "abc",
        "state": "delivered",
        "error": "000",
        "done_date": "2611211059",
        "source": "34600000001",
        "matched": True,
        "id": "id7",
        "to": "34600000001",
    }
    assert (second["matched"], second["id"], second["to"]) == (False, None, None)
    assert second["state"] == "undeliverable"
    assert third["state"] in {"scheduled", "unknown"}
    log.close()


@pytest.mark.parametrize("state", [state for state in MessageState if state])
def test_states_are_written_by_their_names(tmp_path: Path, state: MessageState) -> None:
    log = ReceiptLog(tmp_path)
    log.append([receipt(1, state=int(state))])
    assert lines(tmp_path / HOUR)[0]["state"] == state.name.lower()
    log.close()


def test_nothing_to_append_makes_no_file(tmp_path: Path) -> None:
    log = ReceiptLog(tmp_path)
    assert log.recover() == 0
    log.append([])
    assert list(tmp_path.glob("receipts-*")) == []
    log.close()


def test_lines_can_be_read_as_soon_as_they_are_appended(tmp_path: Path) -> None:
    log = ReceiptLog(tmp_path)
    for seq in range(1, 4):
        log.append([receipt(seq)])
        assert seqs(tmp_path) == list(range(1, seq + 1))
    log.close()


def test_a_new_hour_has_a_file_of_its_own(tmp_path: Path) -> None:
    log = ReceiptLog(tmp_path)
    log.append([receipt(1), receipt(2)])
    log.append([receipt(3, START + 60)])
    log.append([receipt(4, START + 61)])
    log.close()
    assert [line["seq"] for line in lines(tmp_path / HOUR)] == [1, 2]
    assert [line["seq"] for line in lines(tmp_path / NEXT)] == [3, 4]
    assert (tmp_path / ".position").read_text() == "4"


def test_receipts_missed_over_an_hour_go_to_the_hours_they_came_in(tmp_path: Path) -> None:
    log = ReceiptLog(tmp_path)
    log.append(iter([receipt(1), receipt(2), receipt(3, START + 60)]))
    log.close()
    assert [line["seq"] for line in lines(tmp_path / HOUR)] == [1, 2]
    assert [line["seq"] for line in lines(tmp_path / NEXT)] == [3]


def test_a_log_goes_on_in_the_file_it_had(tmp_path: Path) -> None:
    for seq in (1, 2):
        log = ReceiptLog(tmp_path)
        assert log.recover() == seq - 1
        log.append([receipt(seq)])
        log.close()
    assert seqs(tmp_path) == [1, 2]


# ── after a crash ────────────────────────────────────────────────────────────────────────────


def killed_after(folder: Path, *receipts: ReceiptOf) -> None:
    """A log that is never closed."""
    log = ReceiptLog(folder)
    log.recover()
    for each in receipts:
        log.append([each])
    log._file = None


@pytest.mark.filterwarnings("ignore:unclosed file")
def test_a_crash_loses_nothing_that_was_appended(tmp_path: Path) -> None:
    killed_after(tmp_path, receipt(3), receipt(9))
    assert ReceiptLog(tmp_path).recover() == 9


@pytest.mark.filterwarnings("ignore:unclosed file")
@pytest.mark.parametrize("cut", [1, 2, 50, 150])
def test_a_torn_last_line_is_cut_off_and_written_again(tmp_path: Path, cut: int) -> None:
    killed_after(tmp_path, receipt(3), receipt(9))
    whole = (tmp_path / HOUR).read_bytes()
    (tmp_path / HOUR).write_bytes(whole[:-cut])
    log = ReceiptLog(tmp_path)
    assert log.recover() == 3
    log.append([receipt(9)])
    log.close()
    assert (tmp_path / HOUR).read_bytes() == whole


@pytest.mark.filterwarnings("ignore:unclosed file")
def test_a_file_with_nothing_but_a_torn_line(tmp_path: Path) -> None:
    killed_after(tmp_path, receipt(3), receipt(9, START + 60))
    (tmp_path / NEXT).write_bytes((tmp_path / NEXT).read_bytes()[:-10])
    log = ReceiptLog(tmp_path)
    assert log.recover() == 3
    assert (tmp_path / NEXT).read_bytes() == b""
    log.append([receipt(9, START + 60)])
    log.close()
    assert seqs(tmp_path) == [3, 9]


def test_the_position_stands_in_when_the_files_were_taken_away(tmp_path: Path) -> None:
    log = ReceiptLog(tmp_path)
    log.append([receipt(7)])
    log.close()
    (tmp_path / HOUR).unlink()
    assert ReceiptLog(tmp_path).recover() == 7


@pytest.mark.filterwarnings("ignore:unclosed file")
def test_of_position_and_last_line_the_later_one_counts(tmp_path: Path) -> None:
    log = ReceiptLog(tmp_path)
    log.append([receipt(7)])
    log.close()
    killed_after(tmp_path, receipt(8))
    assert ReceiptLog(tmp_path).recover() == 8
    (tmp_path / HOUR).write_bytes(b"")
    assert ReceiptLog(tmp_path).recover() == 7


def test_an_older_hour_does_not_hide_a_newer_one(tmp_path: Path) -> None:
    """Somebody's clock was set back: the newest seq is not in the last file."""
    log = ReceiptLog(tmp_path)
    log.append([receipt(1, START + 60)])
    log.append([receipt(2, START)])
    log._file.flush() if log._file else None
    assert ReceiptLog(tmp_path).recover() == 2
    log.close()


@pytest.mark.parametrize("rubbish", [b"not json\n", b'{"seq": "x"}\n', b"[]\n", b"\n"])
def test_a_last_line_that_somebody_spoilt_does_not_stop_the_start(
    tmp_path: Path, rubbish: bytes
) -> None:
    log = ReceiptLog(tmp_path)
    log.append([receipt(7)])
    log.close()
    with (tmp_path / HOUR).open("ab") as file:
        file.write(rubbish)
    assert ReceiptLog(tmp_path).recover() == 7


def test_odd_ids_stay_one_line_each(tmp_path: Path) -> None:
    log = ReceiptLog(tmp_path)
    for seq, name in enumerate(["a\nb", "é", "\u2028", '"', "\\", "\x00"], start=1):
        log.append([receipt(seq, message_id=name)])
    log.close()
    assert seqs(tmp_path) == [1, 2, 3, 4, 5, 6]
    assert lines(tmp_path / HOUR)[0]["message_id"] == "a\nb"


def test_nothing_that_a_receipt_quotes_stands_there_without_contents(tmp_path: Path) -> None:
    what = ReceiptFact("main", "", "", "", "34600000001", octets=b"text:Hola".hex())
    quoting = ReceiptOf.by(Fact(7, START, Kind.PARKED, text=receipt_text(what)), None, None)
    for content in (True, False):
        (tmp_path / str(content)).mkdir()
        log = ReceiptLog(tmp_path / str(content), content=content)
        log.append([quoting])
        log.close()
        (line,) = lines(tmp_path / str(content) / HOUR)
        assert line.get("data") == (what.octets if content else None)
        assert line["source"] == "34600000001"
