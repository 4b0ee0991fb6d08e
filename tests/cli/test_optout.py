"""`smppd optout`: the list as an operator handles it, with a daemon and without one."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from smppd.app import Daemon
from smppd.cli import main
from smppd.config import Config, load
from smppd.control import ControlRefused, ControlUnavailable
from smppd.events import Event
from smppd.journal.store import open_reader
from smppd.locking import take_lock
from smppd.optout.roll import OptOut
from tests.cli.one_link import configure

NUMBER = "34600000001"
Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    configure(tmp_path, monkeypatch)
    return tmp_path


@pytest.fixture
def run(folder: Path, capsys: pytest.CaptureFixture[str]) -> Run:
    def run(*words: str) -> tuple[int, str, str]:
        code = main(["optout", *words])
        return code, *capsys.readouterr()

    return run


def entries(folder: Path) -> list[OptOut]:
    store = open_reader(folder / "journal.db")
    try:
        return list(store.opt_outs.entries())
    finally:
        store.close()


def pairs(folder: Path) -> list[tuple[str, str]]:
    return [(each.number, each.sender) for each in entries(folder)]


def test_numbers_are_entered_and_struck_out(run: Run, folder: Path) -> None:
    assert run("add", "600 000 001", "+34600000002") == (0, "2 numbers added\n", "")
    assert run("add", NUMBER, "--sender", "Acme", "--reason", "a letter")[0] == 0
    assert run("add", "0034600000001")[1] == "0 numbers added, 1 already there\n"
    assert pairs(folder) == [(NUMBER, ""), (NUMBER, "ACME"), ("34600000002", "")]
    assert entries(folder)[1].why == "a letter"
    assert run("remove", NUMBER, "--sender", "2580") == (1, "0 numbers removed, 1 not there\n", "")
    assert run("remove", NUMBER, "--sender", "acme")[:2] == (0, "1 number removed\n")
    assert run("add", NUMBER, "--sender", "2580")[0] == 0
    code, out, _ = run("remove", NUMBER, "--json")
    assert (code, json.loads(out)) == (0, {"removed": 1, "not_there": 0})
    assert pairs(folder) == [("34600000002", "")]


def test_the_list_is_shown(run: Run, folder: Path) -> None:
    run("add", NUMBER, "--sender", "2580", "--reason", "a letter")
    code, out, _ = run("list")
    assert code == 0
    assert out.split()[:2] == [NUMBER, "2580"]
    assert out.endswith("a letter\n")
    assert run("list", "+34600000009") == (1, "not in the list\n", "")
    assert run("list", NUMBER, "--sender", "ACME")[0] == 1
    code, out, _ = run("list", NUMBER, "--json")
    (shown,) = json.loads(out)["opt_outs"]
    assert (code, shown["number"], shown["sender"]) == (0, NUMBER, "2580")
    run("remove", NUMBER)
    assert run("list") == (0, "nobody has opted out\n", "")


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["add", "12"], "12: the number has 2 digits"),
        (["add", "not a number"], "not a number: "),
        (["add", NUMBER, "--sender", "far too long a name"], "--sender far too long"),
        (["list", "--sender", ""], "--sender is empty"),
        (["import", "absent.csv"], "absent.csv: cannot be read: No such file"),
    ],
)
def test_what_cannot_be_meant_is_one_line(run: Run, words: list[str], says: str) -> None:
    code, out, err = run(*words)
    assert (code, out) == (2, "")
    assert err.startswith(f"smppd: {says}")
    assert err.count("\n") == 1


def test_a_file_is_entered_and_its_bad_lines_are_told(run: Run, folder: Path) -> None:
    path = folder / "list.txt"
    path.write_bytes(
        b"\xef\xbb\xbf600000001\r\n"
        b"# a comment\n\n"
        b"+34600000002,ACME\n"
        b'+34600000003,2580,2026-11-21T10:59:00Z,"said so, twice"\n'
        b"nobody\n"
        b"+34600000004,x,yesterday\n"
        b"+34600000005,far too long a name\n"
        b"\xff\n" + b"1" * 5000 + b"\n,ACME\n+34600000006,,,,more\n+34600000007"
    )
    code, out, err = run("import", str(path), "--reason", "the old system")
    assert (code, out) == (1, "4 numbers added, 7 bad lines\n")
    told = [line.removeprefix(f"smppd: {path}: ") for line in err.splitlines()]
    assert [line.partition(":")[0] for line in told] == [f"line {n}" for n in range(6, 13)]
    assert "is not UTF-8" in told[3]
    assert "longer than 4096" in told[4]
    assert entries(folder) == [
        OptOut("34600000001", "", entries(folder)[0].at, "the old system"),
        OptOut("34600000002", "ACME", entries(folder)[0].at, "the old system"),
        OptOut("34600000003", "2580", 1_795_258_740, "said so, twice"),
        OptOut("34600000007", "", entries(folder)[0].at, "the old system"),
    ]
    assert run("import", str(path))[1] == "0 numbers added, 4 already there, 7 bad lines\n"


def test_many_bad_lines_are_counted(run: Run, folder: Path) -> None:
    (folder / "list").write_text("x\n" * 100)
    code, _, err = run("import", str(folder / "list"))
    assert code == 1
    assert len(err.splitlines()) == 21
    assert err.endswith("80 more lines could not be used\n")


def test_what_is_exported_can_be_imported(run: Run, folder: Path) -> None:
    run("add", NUMBER, "2580", "--reason", 'a "letter", and\tmore; twice')
    run("add", NUMBER, "--sender", "A+B")
    before = entries(folder)
    assert run("export", str(folder / "out.csv")) == (0, "", "")
    _, out, _ = run("export")
    assert (folder / "out.csv").read_text() == out
    rows = list(csv.reader(io.StringIO(out)))
    assert rows[0] == ["number", "sender", "since", "why"]
    assert [row[0] for row in rows[1:]] == ["2580", f"+{NUMBER}", f"+{NUMBER}"]
    (folder / "journal.db").rename(folder / "old.db")
    assert run("import", str(folder / "out.csv"))[:2] == (0, "3 numbers added\n")
    assert entries(folder) == before


def test_the_separator_of_a_spreadsheet_is_found(run: Run, folder: Path) -> None:
    (folder / "list.csv").write_text("Number;Sender\n+34600000001;ACME\n+34600000002;\n")
    assert run("import", str(folder / "list.csv"))[0] == 0
    assert pairs(folder) == [(NUMBER, "ACME"), ("34600000002", "")]


def test_a_daemon_that_does_not_answer_is_not_written_past(
    run: Run, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with take_lock(folder / "journal.db.lock", "journal"):
        code, _, err = run("add", NUMBER)
    assert code == 1
    assert "in use by another smppd" in err

    def busy(*_: Any, **__: Any) -> None:
        raise ControlUnavailable("it may be busy", heard=True)

    monkeypatch.setattr("smppd.cli.optout.ask", busy)
    assert run("add", NUMBER) == (1, "", "smppd: it may be busy\n")
    assert not (folder / "journal.db").exists()


async def test_the_daemon_refuses_what_cannot_be_meant(folder: Path) -> None:
    config = load(folder / "smppd.toml", {})
    assert isinstance(config, Config)
    told: list[Event] = []
    with Daemon(config, {"main": ""}, told.append) as daemon:
        optout = daemon.commands["optout"]
        for changes in ([["+34600000001", "", 1, ""]], [["34600000001"]], [["", "", 1, ""]]):
            with pytest.raises(ControlRefused):
                await optout({"changes": changes, "who": "uid 0"})
        assert told == []
