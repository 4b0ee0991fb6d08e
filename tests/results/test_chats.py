"""Chat messages as files: drafts that nobody sees, moved when noted, removed when not."""

from __future__ import annotations

import json
import stat
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
import trio

from smppd.events import Event, MailboxFailing, MailboxRecovered
from smppd.ports import ChatLetter, Letter, PolledChannel
from smppd.provider.chat import ChatMessage, read_messages
from smppd.results.chats import ChatLetterbox

NOW = 1_795_258_740.25
CHANNEL = PolledChannel("main", "whatsapp", "100")


async def inline(function: Any, *arguments: Any) -> Any:
    await trio.lowlevel.checkpoint()
    return function(*arguments)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    for name in ("new", "chat"):
        (tmp_path / "received" / name).mkdir(parents=True)
    return tmp_path


def message(messageid: str, **fields: Any) -> ChatMessage:
    entry = {"messageid": messageid, "message": f"text {messageid}", "sent": 0} | fields
    return read_messages(json.dumps([entry]).encode()).messages[0]


def letter(messageid: str, number: int = 5, **fields: Any) -> ChatLetter:
    return ChatLetter(CHANNEL, number, "34600000001", message(messageid, **fields))


def letterbox(root: Path, events: list[Event] | None = None) -> ChatLetterbox:
    emit = (lambda event: None) if events is None else events.append
    return ChatLetterbox(root, lambda: NOW, emit, inline)


def new(root: Path) -> list[dict[str, Any]]:
    paths = sorted((root / "received" / "new").iterdir())
    assert all(path.suffix == ".json" for path in paths)
    return [json.loads(path.read_bytes()) for path in paths]


def drafts(root: Path) -> list[Path]:
    return sorted((root / "received" / "chat").iterdir())


async def test_a_message_becomes_a_file_when_it_is_given_out(root: Path) -> None:
    box = letterbox(root)
    names = await box.draft(
        [letter("7", datetime="2026-11-21 10:59:00", status="received", odd=[1], sent="?")]
    )
    assert names is not None
    assert new(root) == []
    await box.give_out(names)
    assert new(root) == [
        {
            "link": "main",
            "received": "2026-11-21T10:59:00.250Z",
            "source": "34600000001",
            "destination": "100",
            "text": "text 7",
            "kind": "chat",
            "platform": "whatsapp",
            "platformid": "100",
            "messageid": "7",
            "status": "received",
            "datetime": "2026-11-21 10:59:00",
            "provided": {
                "messageid": "7",
                "message": "text 7",
                "sent": "?",
                "datetime": "2026-11-21 10:59:00",
                "status": "received",
                "odd": [1],
            },
        }
    ]
    assert drafts(root) == []


async def test_many_keep_their_order(root: Path) -> None:
    box = letterbox(root)
    for start in (0, 6):
        names = await box.draft([letter(str(n)) for n in range(start, start + 6)])
        assert names is not None
        await box.give_out(names)
    assert [each["messageid"] for each in new(root)] == [str(n) for n in range(12)]


async def test_only_what_the_journal_noted_is_moved_after_a_crash(root: Path) -> None:
    await letterbox(root).draft([letter("1"), letter("2"), letter("1", number=6)])
    (root / "received" / "chat" / ".77-1.tmp").write_bytes(b"half")
    (root / "received" / "chat" / "strange.letter").write_bytes(b"not ours")
    asked: list[tuple[int, bytes]] = []

    def noted(number: int, key: bytes) -> bool:
        asked.append((number, key))
        return (number, key) == (5, message("2").key)

    letterbox(root).recover(noted)
    assert sorted(asked) == sorted(
        [(5, message("1").key), (5, message("2").key), (6, message("1").key)]
    )
    assert [each["messageid"] for each in new(root)] == ["2"]
    assert drafts(root) == []


async def test_what_was_moved_and_taken_away_does_not_come_back(root: Path) -> None:
    box = letterbox(root)
    names = await box.draft([letter("1"), letter("2")])
    assert names is not None
    await box.give_out(names[:1])
    for path in (root / "received" / "new").iterdir():
        path.unlink()
    letterbox(root).recover(lambda number, key: True)
    assert [each["messageid"] for each in new(root)] == ["2"]


async def test_a_disk_that_fails_is_told_once_and_leaves_no_draft(root: Path) -> None:
    events: list[Event] = []
    box = letterbox(root, events)
    folder = root / "received" / "chat"
    folder.rmdir()
    assert await box.draft([letter("1")]) is None
    assert await box.draft([letter("1")]) is None
    (failing,) = events
    assert isinstance(failing, MailboxFailing)
    assert str(folder) in failing.reason
    folder.mkdir()
    names = await box.draft([letter("1")])
    assert names is not None
    await box.give_out(names)
    assert events == [failing, MailboxRecovered()]
    assert len(new(root)) == 1


async def test_what_cannot_be_moved_now_is_moved_later(root: Path) -> None:
    events: list[Event] = []
    box = letterbox(root, events)
    names = await box.draft([letter("1")])
    assert names is not None
    folder = root / "received" / "new"
    folder.rmdir()
    folder.write_bytes(b"in the way")
    await box.give_out(names)
    assert [type(event) for event in events] == [MailboxFailing]
    folder.unlink()
    folder.mkdir()
    await box.give_out([])
    assert [each["messageid"] for each in new(root)] == ["1"]
    assert stat.S_ISREG(next(folder.iterdir()).stat().st_mode)


async def test_letters_are_noted_before_they_are_given_out_and_after_a_crash(root: Path) -> None:
    box, noted = letterbox(root), list[Letter]()

    async def note(letters: Sequence[Letter]) -> None:
        await trio.lowlevel.checkpoint()
        assert new(root) == []
        noted.extend(letters)

    box.note_with(note)
    names = await box.draft([letter("1"), letter("2")])
    assert names is not None
    await box.give_out(names[:1])
    (path,) = (root / "received" / "new").iterdir()
    assert [(each.name, each.body) for each in noted] == [(path.name, path.read_bytes())]
    letterbox(root).recover(lambda number, key: True, noted.extend)
    assert [json.loads(each.body)["messageid"] for each in noted] == ["1", "2"]
