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
    OptOutConfig,
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


def asks(text: str, platform: str = "whatsapp", source: str = "+34600000001") -> dict[str, Any]:
    platformid = {"whatsapp": "100", "telegram": "1"}[platform]
    return {"platform": platform, "platformid": platformid, "source": source, "text": text}


@pytest.mark.parametrize("scope", ["sender", "all"])
async def test_who_asks_for_it_in_a_chat_gets_no_more_in_that_channel(
    tmp_path: Path, autojump_clock: trio.testing.MockClock, scope: Any
) -> None:
    letters = [
        asks("Stop!"),
        asks("baja", "telegram", "777"),
        asks("what is STOP?", source="34699"),
    ]
    transport = simulated(chat={"letter": letters}, http={"channel": channels()})
    house = House(tmp_path, transport)
    house.config = replace(house.config, optout=OptOutConfig(scope=scope, stop_text="Adiós"))
    async with house.living() as daemon:
        await trio.sleep(30.0)
        entries = daemon.parts.opt_outs.entries
        found = entries.find("34600000001", ["100"])
        assert found is not None
        assert found.why == "STOP to 100 in whatsapp over shop"
        assert (found.sender, len(entries)) == ({"sender": "100", "all": ""}[scope], 2)
        other = entries.find("777", ["1"])
        assert other is not None
        assert other.sender == "1", "no number of a phone, so nothing but this channel"
    hand_in(house, "+34600000001", "again")
    hand_in(house, "34600000009", "another")
    async with house.living():
        await trio.sleep(60.0)
    states = {line["id"]: line for line in results(house)}
    assert states["another"]["state"] == "sent"
    assert states["again"]["error"]["code"] == "OPTED_OUT"
    confirmed = [each for id_, each in states.items() if id_.startswith("optout-stop-")]
    assert sorted(each["state"] for each in confirmed) == ["sent", "sent"]
    calls = transport.calls("chat.sendmessage")
    assert calls.done == 3


async def test_who_asks_for_it_in_a_chat_gets_messages_again(
    tmp_path: Path, autojump_clock: trio.testing.MockClock
) -> None:
    letters = [asks("STOP"), asks("Alta") | {"after": 15.0}, asks("STOP", "telegram", "bob")]
    house = House(tmp_path, simulated(chat={"letter": letters}, http={"channel": channels()}))
    async with house.living() as daemon:
        await trio.sleep(12.0)
        assert len(daemon.parts.opt_outs.entries) == 1
        await trio.sleep(30.0)
        assert not daemon.parts.opt_outs.entries
    (unclear,) = [each for each in house.events if isinstance(each, events.OptOutUnclear)]
    assert unclear.reason == "its sender in telegram has no number"


def hand_in(house: House, to: str, id_: str) -> None:
    args = {"platform": "whatsapp", "platformid": "100", "destination": to, "message": "Hola"}
    line = {"op": "chat.sendmessage", "args": args, "id": id_}
    inbox = house.folder / "spool" / "inbox"
    (inbox / "tmp" / f"{id_}.json").write_text(json.dumps(line))
    (inbox / "tmp" / f"{id_}.json").rename(inbox / f"{id_}.json")


def results(house: House) -> list[dict[str, Any]]:
    paths = (house.folder / "spool" / "done").glob("*/*.results.jsonl")
    return [json.loads(line) for path in paths for line in path.read_text().splitlines()]
