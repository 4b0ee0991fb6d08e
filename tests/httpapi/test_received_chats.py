"""Chats through the whole daemon: its journal, an account, and the simulated provider."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeVar

import pytest
import trio

from smppd import events
from smppd.app import Daemon, Surroundings
from smppd.config import (
    ChatChannel,
    ChatConfig,
    Config,
    HttpConfig,
    JournalConfig,
    ObserveConfig,
    SpoolConfig,
)
from tests.httpapi.simulated import NOON, SimulatedTransport, simulated

T = TypeVar("T")

LETTERS = [
    {"platform": "whatsapp", "platformid": "100", "source": f"3460000000{n % 3}", "text": f"{n}"}
    for n in range(9)
]


async def inline(sync_fn: Callable[..., T], *args: object) -> T:
    await trio.lowlevel.checkpoint()
    return sync_fn(*args)


class House:
    """A daemon that lives on one folder, and its provider."""

    def __init__(self, folder: Path, transport: SimulatedTransport) -> None:
        self.folder = folder
        self.transport = transport
        self.events: list[events.Event] = []
        self.config = Config(
            spool=SpoolConfig(path=folder / "spool"),
            journal=JournalConfig(path=folder / "journal.db"),
            http=(HttpConfig(name="shop", user="me", timeout=5.0, url="http://127.0.0.1/"),),
            chat=ChatConfig(
                poll_interval=10.0,
                channels=(ChatChannel("whatsapp", "100"), ChatChannel("telegram", "1")),
            ),
            observe=ObserveConfig(listen=None, control=folder / "control"),
        )

    @asynccontextmanager
    async def living(self) -> AsyncIterator[Daemon]:
        """One life, which ends as by `kill -9`."""

        around = Surroundings(self.wall, inline, None, self.transport)
        passwords = {each.name: "secret" for each in self.config.http}
        with Daemon(self.config, passwords, self.events.append, around) as daemon:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(lambda: daemon.run(signals=False))
                yield daemon
                nursery.cancel_scope.cancel()

    def wall(self) -> float:
        return NOON + trio.current_time()

    def letters(self) -> list[dict[str, Any]]:
        folder = self.folder / "spool" / "received" / "new"
        return [json.loads(path.read_bytes()) for path in sorted(folder.iterdir())]


def channels() -> list[dict[str, str]]:
    return [
        {"platform": "whatsapp", "platformid": "100"},
        {"platform": "telegram", "platformid": "1"},
    ]


async def lived_through(house: House, seconds: float) -> None:
    async with house.living():
        await trio.sleep(seconds)


@pytest.mark.parametrize("form", ["text", "number", "bool"])
@pytest.mark.parametrize("keeps", [False, True])
async def test_what_customers_write_is_received_once_over_lives_and_lost_answers(
    tmp_path: Path, autojump_clock: trio.testing.MockClock, form: str, keeps: bool
) -> None:
    transport = simulated(
        chat={
            "letter": [each | {"after": 15.0 * n} for n, each in enumerate(LETTERS)],
            "keep_unread": keeps,
            "sent_form": form,
        },
        http={
            "channel": channels(),
            "ids": "number" if form == "number" else "text",
            "fault": [
                {"what": "lost", "op": "chat.getunreadmessages", "every": 2},
                {"what": "html", "op": "chat.getmessages", "every": 3},
                {"what": "hang", "op": "chat.getchats", "every": 5},
            ],
        },
    )
    house = House(tmp_path, transport)
    for _ in range(9):
        await lived_through(house, 41.3)
    letters = house.letters()
    assert sorted(letter["text"] for letter in letters) == sorted(
        letter["text"] for letter in LETTERS
    )
    for letter in letters:
        assert letter["link"] == "shop"
        assert letter["source"] == LETTERS[int(letter["text"])]["source"]
        assert (letter["platform"], letter["platformid"]) == ("whatsapp", "100")
        assert str(letter["provided"]["messageid"]) == letter["messageid"]
    assert transport.calls("chat.getunreadmessages").faults


async def test_the_account_that_is_named_is_polled(
    tmp_path: Path, autojump_clock: trio.testing.MockClock
) -> None:
    transport = simulated(chat={"letter": [LETTERS[0]]}, http={"channel": channels()})
    house = House(tmp_path, transport)
    chat = house.config.chat
    assert chat is not None
    first = HttpConfig(name="first", user="you", url="http://127.0.0.1/")
    house.config = replace(
        house.config, http=(first, *house.config.http), chat=replace(chat, account="shop")
    )
    await lived_through(house, 30.0)
    assert [letter["link"] for letter in house.letters()] == ["shop"]
    assert all(b"user=me&" in request.body for request in transport.requests)


async def test_a_channel_that_fails_is_told_and_the_other_goes_on(
    tmp_path: Path, autojump_clock: trio.testing.MockClock
) -> None:
    transport = simulated(chat={"letter": [LETTERS[0]]}, http={"channel": [channels()[0]]})
    house = House(tmp_path, transport)
    async with house.living() as daemon:
        await trio.sleep(60)
        whatsapp, telegram = daemon.figures().chats
    assert (whatsapp.received, whatsapp.conversations, whatsapp.errors) == (1, 1, 0)
    assert (telegram.received, telegram.last_poll) == (0, None)
    assert telegram.errors > 3
    (failing,) = [each for each in house.events if isinstance(each, events.ChatFailing)]
    assert (failing.platform, failing.reason) == ("telegram", "chat.getchats: CHANNEL_NOT_FOUND")


async def test_a_wrong_password_pauses_the_account_and_is_not_tried_for_ever(
    tmp_path: Path, autojump_clock: trio.testing.MockClock
) -> None:
    transport = simulated(
        http={"user": "me", "password": "another", "channel": channels()},
        chat={"letter": [LETTERS[0]]},
    )
    house = House(tmp_path, transport)
    async with house.living() as daemon:
        await trio.sleep(100)
        assert len(transport.requests) <= 2
        (paused,) = [each for each in house.events if isinstance(each, events.LinkPaused)]
        assert paused.link == "shop"
        assert "INCORRECT_USER_PASSWORD" in paused.reason
        assert "[http.shop]" in paused.reason
        assert any("shop is paused" in line for line in daemon.unready())
        await daemon.commands["resume"]({"links": ["shop"], "who": "uid 0"})
        await trio.sleep(100)
        assert 2 < len(transport.requests) <= 4


async def test_every_poll_stands_in_the_log_of_calls(
    tmp_path: Path, autojump_clock: trio.testing.MockClock
) -> None:
    transport = simulated(chat={"letter": [LETTERS[0]]}, http={"channel": channels()})
    house = House(tmp_path, transport)
    async with house.living() as daemon:
        await trio.sleep(25)
        store = daemon.parts.journal._store
        calls = [(each.account, each.op, each.outcome) for each in store.calls.read()]
    assert ("shop", "chat.getchats", "SUCCESS") in calls
    assert ("shop", "chat.getmessages", "SUCCESS") in calls
