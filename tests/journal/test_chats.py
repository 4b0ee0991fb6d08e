"""What the journal keeps of chats: conversations, and every message that the provider shows."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import trio

from smppd.journal.chats import KEPT_DAYS, Chats
from smppd.journal.journal import Journal
from smppd.journal.store import Store, open_store
from smppd.ports import ChatStage, Conversation, PolledChannel

CHANNEL = PolledChannel("main", "whatsapp", "100")
DAY = 20_000


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    found = open_store(tmp_path / "j.db")
    yield found
    found.close()


@pytest.fixture
def chats(store: Store) -> Chats:
    return store.chats


def stages(conversations: list[Conversation]) -> list[ChatStage]:
    return [each.stage for each in conversations]


def test_what_a_channel_holds_when_first_seen_is_history_and_what_comes_later_is_new(
    chats: Chats,
) -> None:
    assert stages(chats.open(CHANNEL, ["1", "2"], DAY)) == [ChatStage.HISTORY, ChatStage.HISTORY]
    found = chats.open(CHANNEL, ["3", "1", "2"], DAY)
    assert [each.destination for each in found] == ["3", "1", "2"]
    assert stages(found) == [ChatStage.OWED, ChatStage.HISTORY, ChatStage.HISTORY]


@pytest.mark.parametrize("other", ["a\0b", "\0", "'\"\\", "\u2028\ufffe", "x" * 100_000])
def test_whatever_the_other_side_is_called(chats: Chats, other: str) -> None:
    (first,) = chats.open(CHANNEL, [other], DAY)
    assert first.destination == other
    assert chats.open(CHANNEL, ["1", other], DAY)[1] == first


def test_a_channel_without_conversations_is_seen_all_the_same(chats: Chats) -> None:
    assert chats.open(CHANNEL, [], DAY) == []
    assert stages(chats.open(CHANNEL, ["1"], DAY)) == [ChatStage.OWED]


def test_channels_are_strangers(chats: Chats) -> None:
    chats.open(CHANNEL, [], DAY)
    for other in (
        CHANNEL._replace(account="other"),
        CHANNEL._replace(platform="telegram"),
        CHANNEL._replace(platformid="101"),
    ):
        assert stages(chats.open(other, ["1"], DAY)) == [ChatStage.HISTORY]
    numbers = {
        each.number
        for channel in (CHANNEL, CHANNEL._replace(account="other"))
        for each in chats.open(channel, ["1"], DAY)
    }
    assert len(numbers) == 2


def test_stage_and_tip_are_kept(chats: Chats, tmp_path: Path) -> None:
    (found,) = chats.open(CHANNEL, ["1"], DAY)
    chats.note(found._replace(stage=ChatStage.EVEN, tip=b"tip"), (), DAY, whole=False)
    again = open_store(tmp_path / "j.db")
    assert again.chats.open(CHANNEL, ["1"], DAY) == [
        found._replace(stage=ChatStage.EVEN, tip=b"tip")
    ]
    again.close()


def test_messages_are_known_by_their_conversation(chats: Chats) -> None:
    one, two = chats.open(CHANNEL, ["1", "2"], DAY)
    chats.note(one, [b"a", b"b", b"a"], DAY, whole=False)
    assert chats.seen(one.number, [b"a", b"b", b"c"]) == {b"a", b"b"}
    assert chats.seen(two.number, [b"a"]) == set()


def test_a_message_is_remembered_as_long_as_it_is_shown_and_long_after(chats: Chats) -> None:
    (found,) = chats.open(CHANNEL, ["1"], DAY)
    chats.note(found, [b"shown", b"gone"], DAY, whole=True)
    for day in range(DAY, DAY + 2 * KEPT_DAYS, 10):
        chats.note(found, [b"shown"], day, whole=True)
        kept = {b"shown", b"gone"} if day <= DAY + KEPT_DAYS else {b"shown"}
        assert chats.seen(found.number, [b"shown", b"gone"]) == kept


def test_an_answer_that_has_not_all_lets_nothing_be_forgotten(chats: Chats) -> None:
    (found,) = chats.open(CHANNEL, ["1"], DAY)
    chats.note(found, [b"old"], DAY, whole=True)
    chats.note(found, [b"new"], DAY + 2 * KEPT_DAYS, whole=False)
    assert chats.seen(found.number, [b"old"]) == {b"old"}


def test_nothing_is_forgotten_because_the_daemon_was_off(chats: Chats) -> None:
    (found,) = chats.open(CHANNEL, ["1"], DAY)
    chats.note(found._replace(stage=ChatStage.EVEN), [b"old"], DAY, whole=True)
    assert stages(chats.open(CHANNEL, ["1"], DAY + 3 * KEPT_DAYS)) == [ChatStage.EVEN]
    assert chats.seen(found.number, [b"old"]) == {b"old"}


def test_a_conversation_that_comes_back_after_very_long_is_history(chats: Chats) -> None:
    (found,) = chats.open(CHANNEL, ["1"], DAY)
    chats.note(found._replace(stage=ChatStage.EVEN), [b"old"], DAY, whole=True)
    chats.open(CHANNEL, ["2"], DAY + KEPT_DAYS)
    assert chats.seen(found.number, [b"old"]) == {b"old"}
    chats.open(CHANNEL, ["2"], DAY + KEPT_DAYS + 1)
    assert chats.seen(found.number, [b"old"]) == set()
    (back,) = chats.open(CHANNEL, ["1"], DAY + KEPT_DAYS + 2)
    assert (back.number, back.stage) == (found.number, ChatStage.HISTORY)


def test_a_clock_set_back_changes_nothing(chats: Chats) -> None:
    (found,) = chats.open(CHANNEL, ["1"], DAY)
    chats.note(found, [b"a"], DAY, whole=True)
    chats.open(CHANNEL, ["1"], DAY - 1000)
    chats.note(found, [b"a"], DAY - 1000, whole=True)
    chats.note(found, [], DAY + KEPT_DAYS, whole=True)
    assert chats.seen(found.number, [b"a"]) == {b"a"}


async def test_through_the_journal(store: Store) -> None:
    async def inline(function: Any, *arguments: Any) -> Any:
        await trio.lowlevel.checkpoint()
        return function(*arguments)

    journal = Journal(store, run_sync=inline)
    async with trio.open_nursery() as nursery:
        await nursery.start(journal.run)
        (found,) = await journal.open_chats(CHANNEL, ["1"], DAY)
        await journal.note_chat(found._replace(stage=ChatStage.EVEN), [b"a"], DAY, whole=True)
        assert await journal.seen_in_chat(found.number, [b"a", b"b"]) == {b"a"}
        nursery.cancel_scope.cancel()
    assert stages(store.chats.open(CHANNEL, ["1"], DAY)) == [ChatStage.EVEN]
