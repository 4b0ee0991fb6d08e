"""`sent/`, `failed/`, `incoming/` and the event handler of smstools: everything is told at least once."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
import trio

from smppd.events import Event, EventHandlerFailed
from smppd.message import ErrorInfo
from smppd.outlets.happenings import Happening
from smppd.outlets.smstools import Papers
from smppd.outlets.smstools_handler import Handler
from smppd.smstools_text import CheckedName
from smppd.spool.smstools import FOLDERS

AT = 1_795_258_740.0
FILE = b"To: 34600000001\nUser: ana\n\nHola\n\nAna"


class DiedError(Exception):
    """The process is gone."""


class Script(Handler):
    """An event handler that notes what it is told."""

    def __init__(self) -> None:
        super().__init__((), 1.0, 1, lambda event: None)
        self.calls: list[tuple[str, ...]] = []
        self.dies = False

    async def run(self, calls: Sequence[tuple[str, tuple[str, ...]]]) -> None:
        await trio.lowlevel.checkpoint()
        self.calls += [words for _, words in calls]
        if self.dies and calls:
            raise DiedError


async def inline(function: Any, *arguments: Any) -> Any:
    await trio.lowlevel.checkpoint()
    return function(*arguments)


class Rig:
    def __init__(self, root: Path) -> None:
        self.root = root
        for name in FOLDERS:
            (root / name).mkdir()
        self.script = Script()
        self.count = 0

    def papers(self, *, utf8: bool = False) -> Papers:
        """As after a start."""
        return Papers(self.root, self.script, lambda: AT, utf8=utf8, run_sync=inline)

    def file(self, name: str = "send_1", content: bytes = FILE) -> CheckedName:
        self.count += 1
        found = CheckedName(7, self.count, name)
        (self.root / "checked" / str(found)).write_bytes(content)
        return found

    def names(self, folder: str) -> list[str]:
        return sorted(path.name for path in (self.root / folder).iterdir())

    def told(self) -> list[tuple[str, ...]]:
        """What the handler was told, with the files' folders and names."""
        return [
            (words[0], str(Path(words[1]).relative_to(self.root)), *words[2:])
            for words in self.script.calls
        ]


@pytest.fixture
def rig(tmp_path: Path) -> Rig:
    return Rig(tmp_path)


def event(kind: str, about: CheckedName | None = None, /, **fields: Any) -> Happening:
    said = {"event": kind, "id": "" if about is None else about.id, "link": "main", **fields}
    return Happening(5, 0, kind, None, AT, json.dumps(said).encode())


def sent(name: CheckedName, message_id: str = "77", **fields: Any) -> Happening:
    return event("sent", name, message_ids=[message_id], parts=fields.pop("parts", 1), **fields)


async def test_a_sent_file_has_its_headers_and_its_body(rig: Rig) -> None:
    papers, name = rig.papers(), rig.file()
    papers.expect(name)
    assert await papers.deliver([sent(name)]) is None
    head, _, body = (rig.root / "sent/send_1").read_bytes().partition(b"\n\n")
    assert body == b"Hola\n\nAna"
    assert head.startswith(b"To: 34600000001\nUser: ana\nModem: main\nSent: ")
    assert head.endswith(b"\nMessage_id: 77")
    assert rig.names("checked") == []
    assert rig.told() == [("SENT", "sent/send_1", "77")]
    await papers.deliver(
        [sent(name), event("delivered", name, state="delivered", to="34600000001")]
    )
    assert [each[0] for each in rig.told()] == ["SENT", "REPORT"]


async def test_a_failed_file_says_why(rig: Rig) -> None:
    papers, name = rig.papers(), rig.file()
    papers.expect(name)
    error = {"code": "OPTED_OUT", "text": "opted out of all messages"}
    await papers.deliver([event("failed", name, state="rejected", error=error, final=True)])
    content = (rig.root / "failed/send_1").read_text()
    assert "\nFail_reason: OPTED_OUT: opted out of all messages\n" in content
    assert rig.told() == [("FAILED", "failed/send_1")]
    other = rig.file()
    papers.expect(other)
    await papers.refuse(other, ErrorInfo("NOT_BY_SMPP", text="Ping: cannot be done"))
    assert rig.names("failed") == ["send_1", "send_1~2"]
    assert rig.told()[1] == ("FAILED", "failed/send_1~2")


async def test_a_long_message_is_sent_when_every_part_is(rig: Rig) -> None:
    papers, name = rig.papers(), rig.file()
    papers.expect(name)
    await papers.deliver([sent(name, "2", parts=3, part=3), sent(name, "1", parts=3, part=1)])
    assert rig.names("sent") == []
    await papers.deliver([sent(name, "3", parts=3, part=2)])
    assert rig.told() == [("SENT", "sent/send_1", "3")]


async def test_without_a_receipt_the_last_word_is_enough(rig: Rig) -> None:
    papers, name = rig.papers(), rig.file()
    papers.expect(name)
    await papers.deliver([sent(name, "2", parts=2, part=1, final=True)])
    assert rig.names("sent") == ["send_1"]


@pytest.mark.parametrize("kind", ["sent", "failed"])
async def test_killed_while_the_handler_runs_it_is_run_again(rig: Rig, kind: str) -> None:
    name = rig.file()
    happening = sent(name) if kind == "sent" else event("failed", name, state="expired")
    rig.script.dies = True
    with pytest.raises(DiedError):
        await rig.papers().deliver([happening])
    assert len(rig.names("checked")) == 1
    rig.script.dies = False
    papers = rig.papers()
    await papers.deliver([happening])
    await papers.deliver([happening])
    assert rig.names(kind) == ["send_1"]
    assert (rig.root / kind / "send_1").read_text().count("Modem: ") == (kind == "sent")
    assert [each[:2] for each in rig.told()] == [(kind.upper(), f"{kind}/send_1")] * 2
    assert rig.names("checked") == []


async def test_a_failing_disk_is_tried_again(rig: Rig) -> None:
    papers, name = rig.papers(), rig.file()
    papers.expect(name)
    (rig.root / "sent").rmdir()
    trouble = await papers.deliver([sent(name)])
    assert trouble is not None
    assert "No such file" in trouble.reason
    (rig.root / "sent").mkdir()
    assert await papers.deliver([sent(name)]) is None
    assert rig.told() == [("SENT", "sent/send_1", "77")]


async def test_reports_say_how_it_ended(rig: Rig) -> None:
    papers, name = rig.papers(), rig.file()
    papers.expect(name)
    given = {"to": "34600000001", "message_ids": ["77"], "final": True}
    await papers.deliver([sent(name), event("delivered", name, state="delivered", **given)])
    await papers.deliver([event("failed", name, state="undelivered", **given)])
    assert rig.names("failed") == []
    (report,) = rig.names("incoming")
    text = (rig.root / "incoming" / report).read_text()
    assert "\n\nSMS STATUS REPORT\nMessage_id: 77\nDischarge_timestamp: " in text
    assert "\nStatus: 69,Permanent error" in text
    assert [each[0] for each in rig.told()] == ["SENT", "REPORT", "REPORT"]


@pytest.mark.parametrize(
    ("text", "utf8", "alphabet", "body"),
    [
        ("5 € ñ", False, "ISO", "5 € ñ".encode("iso-8859-15")),
        ("漢", False, "UCS2", "漢".encode("utf-16-be")),
        ("漢", True, "UTF-8", "漢".encode()),
    ],
)
async def test_messages_of_handsets(
    rig: Rig, text: str, utf8: bool, alphabet: str, body: bytes
) -> None:
    given = {"from": "34600000001", "to": "2580", "text": text, "name": "17-1.json"}
    for _ in range(2):
        await rig.papers(utf8=utf8).deliver([event("received", **given)])
    head, _, found = (rig.root / "incoming/main.17-1").read_bytes().partition(b"\n\n")
    assert found == body
    assert head.startswith(b"From: 34600000001\nTo: 2580\nSent: ")
    assert f"\nAlphabet: {alphabet}\n".encode() in head
    assert rig.told() == [("RECEIVED", "incoming/main.17-1")] * 2
    assert rig.names("incoming") == ["main.17-1"]


async def test_octets_of_handsets_are_octets(rig: Rig) -> None:
    letter = {"data": "0001ff", "data_coding": 4, "kind": "message"}
    await rig.papers().deliver([event("received", name="1.json", letter=letter)])
    assert (rig.root / "incoming/main.1").read_bytes().endswith(b"\n\n\x00\x01\xff")


async def test_messages_of_others_are_none_of_its_business(rig: Rig) -> None:
    others = [event("sent"), event("failed", state="rejected"), event("delivered")]
    others.append(sent(CheckedName(1, 1, "x")))
    assert await rig.papers().deliver(others) is None
    assert rig.told() == []


# ── the handler ──────────────────────────────────────────────────────────────────────────────


def handler(folder: Path, script: str, told: list[Event], timeout: float = 20.0) -> Handler:
    path = folder / "handler"
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)
    return Handler((str(path),), timeout, 2, told.append)


async def test_the_handler_is_run_with_words_that_no_shell_reads(tmp_path: Path) -> None:
    told: list[Event] = []
    found = handler(tmp_path, f'printf "%s|" "$@" >> {tmp_path}/log', told)
    await found.run([("a", ("SENT", "a; $(id)", "7")), ("a", ("REPORT", "b c"))])
    assert (tmp_path / "log").read_text() == "SENT|a; $(id)|7|REPORT|b c|"
    assert told == []


async def test_the_handler_has_a_bare_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SMPP_PASSWORD", "hush")
    await handler(tmp_path, f"env > {tmp_path}/log", []).run([("a", ("SENT", "f"))])
    assert "PATH=" in (tmp_path / "log").read_text()
    assert "hush" not in (tmp_path / "log").read_text()


async def test_what_fails_is_told_and_changes_nothing(tmp_path: Path) -> None:
    told: list[Event] = []
    await handler(tmp_path, "yes; exit 3", told, 0.3).run([("a", ("SENT", "f"))])
    await handler(tmp_path, "exit 3", told).run([("a", ("SENT", "f"))])
    await Handler((str(tmp_path / "absent"),), 1.0, 1, told.append).run([("a", ("SENT", "f"))])
    assert [type(each) for each in told] == [EventHandlerFailed] * 3
    reasons = [each.reason for each in told if isinstance(each, EventHandlerFailed)]
    assert reasons[0].startswith("took longer than 0.3 s")
    assert reasons[1:] == ["ended with 3", "cannot be run: No such file or directory"]


async def test_one_that_never_ends_is_killed_with_its_children(tmp_path: Path) -> None:
    told: list[Event] = []
    script = f"sleep 300 & echo $! > {tmp_path}/child; wait"
    await handler(tmp_path, script, told, 1.0).run([("a", ("SENT", "f"))])
    child = int((tmp_path / "child").read_text())
    with trio.fail_after(10):
        while _runs(child):  # noqa: ASYNC110 - nobody tells us of the end of a grandchild
            await trio.sleep(0.01)
    assert len(told) == 1


def _runs(pid: int) -> bool:
    """Whether it is there and no zombie that nobody has waited for yet."""
    try:
        os.kill(pid, 0)
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (ProcessLookupError, FileNotFoundError):
        return False


async def test_a_file_has_its_second_name_on_disk_before_it_loses_the_first(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Should the power fail in between, it is still somewhere."""
    papers, order = rig.papers(), list[str]()
    sync, unlink = os.fsync, os.unlink

    def synced(descriptor: int) -> None:
        order.append(Path(f"/proc/self/fd/{descriptor}").resolve().name)
        sync(descriptor)

    def gone(path: Any) -> None:
        order.append("gone")
        unlink(path)

    monkeypatch.setattr(os, "fsync", synced)
    monkeypatch.setattr(os, "unlink", gone)
    one, other = rig.file(), rig.file()
    for name in (one, other):
        papers.expect(name)
    await papers.deliver([sent(one, "1")])
    assert "sent" in order[: order.index("gone")]
    order.clear()
    await papers.refuse(other, ErrorInfo("NOT_BY_SMPP", text="Ping: cannot be done"))
    assert "failed" in order[: order.index("gone")]
