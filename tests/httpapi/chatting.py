"""A chat of the provider's with faults, and everything that receives from it, for tests.

`Surroundings.step` is called before and after everything that a crash could come between.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import trio

from smppd.events import Event
from smppd.httpapi.chat import ChannelPoll, Keeping, PollTerms
from smppd.journal.store import Store
from smppd.ports import ChatLetter, Conversation, PolledChannel
from smppd.provider.answers import Answer, Failure, NoAnswer, Success
from smppd.provider.operation import Operation, Value
from smppd.results.chats import ChatLetterbox

CHANNEL = PolledChannel("main", "whatsapp", "100")

LOST = NoAnswer("no answer within 30 s", sent=True)
UNSENT = NoAnswer("connection refused", sent=False)


class Crash(BaseException):
    """The process ends here."""


class Chat:
    """One channel at the provider. `marks`: getunreadmessages marks what it answers as read.

    `faults` by operation: what is answered instead, or a callable that makes it of the answer.
    """

    def __init__(self, *, marks: bool = True, ids: bool = True) -> None:
        self.marks = marks
        self.ids = ids
        self.messages: dict[str, list[dict[str, Any]]] = {}
        self.unread: set[int] = set()
        self.faults: dict[str, Answer | Callable[[Answer], Answer]] = {}
        self.asked: list[str] = []
        self._count = 0

    def add(self, destination: str, text: str, *, sent: object = False, read: bool = False) -> None:
        self._count += 1
        entry = {
            "platformid": "100",
            "platform": "whatsapp",
            "message": text,
            "destination": destination,
            "sent": sent,
            "status": "x",
            "datetime": f"2026-11-21 10:{self._count // 60:02d}:{self._count % 60:02d}",
        }
        if self.ids:
            entry["messageid"] = str(self._count)
        entry["_"] = self._count
        self.messages.setdefault(destination, []).append(entry)
        if not read and not sent:
            self.unread.add(self._count)

    def answer(self, method: str, params: Mapping[str, Value]) -> Answer:
        destination = str(params.get("destination", ""))
        assert (params["platform"], params["platformid"]) == ("whatsapp", "100")
        if method == "getchats":
            return _success([entries[-1] for entries in self.messages.values()])
        if destination not in self.messages:
            return Failure("CHAT_NOT_FOUND", "The indicated chat does not exist")
        entries = self.messages[destination]
        if method == "getunreadmessages":
            entries = [each for each in entries if each["_"] in self.unread]
            if self.marks:
                self.unread -= {each["_"] for each in entries}
            return _success(
                [{("issent" if k == "sent" else k): v for k, v in e.items()} for e in entries]
            )
        return _success(entries[::-1])


def _success(entries: Sequence[Mapping[str, Any]]) -> Success:
    shown = [{k: v for k, v in each.items() if k != "_"} for each in entries]
    return Success(json.dumps(shown).encode())


class Account:
    """The way to the provider."""

    name = "main"

    def __init__(self, chat: Chat, step: Callable[[], None]) -> None:
        self.chat = chat
        self.paused = False
        self._step = step

    async def call(self, operation: Operation, params: Mapping[str, Value]) -> Answer:
        await trio.lowlevel.checkpoint()
        self._step()
        method = operation.method
        self.chat.asked.append(f"{method} {params.get('destination', '')}".strip())
        fault = self.chat.faults.get(method)
        if fault is not None and not callable(fault):
            return fault
        answer = self.chat.answer(method, params)
        self._step()
        return fault(answer) if fault is not None else answer


class Memory:
    """The journal without its thread."""

    def __init__(self, store: Store, step: Callable[[], None]) -> None:
        self._chats = store.chats
        self._step = step

    async def open_chats(
        self, channel: PolledChannel, destinations: Sequence[str], day: int
    ) -> list[Conversation]:
        self._step()
        found = self._chats.open(channel, destinations, day)
        self._step()
        return found

    async def seen_in_chat(self, number: int, keys: Sequence[bytes]) -> set[bytes]:
        return self._chats.seen(number, keys)

    async def note_chat(
        self, conversation: Conversation, keys: Sequence[bytes], day: int, *, whole: bool
    ) -> None:
        self._step()
        self._chats.note(conversation, keys, day, whole=whole)
        self._step()


class Receiving:
    """A daemon's worth of receiving, from one start to one crash."""

    def __init__(
        self, root: Path, store: Store, chat: Chat, step: Callable[[], None] = lambda: None
    ) -> None:
        self.root = root
        self.now = 1_795_258_740.25
        self.events: list[Event] = []
        self.account = Account(chat, step)
        self.box = ChatLetterbox(root, lambda: self.now, self.events.append, inline)
        self.box.recover(lambda number, key: bool(store.chats.seen(number, [key])))
        keeping = Keeping(Memory(store, step), self.box)
        self.channel = ChannelPoll(
            self.account,
            CHANNEL,
            PollTerms(poll_interval=10.0, reread=3600.0),
            keeping,
            self.events.append,
            lambda: self.now,
        )

    async def poll(self) -> list[str]:
        """Poll once; the texts that were given out by then, which are taken away."""
        await self.channel.poll()
        return take(self.root)


def take(root: Path) -> list[str]:
    """Take away what was given out, as people do."""
    texts = []
    for path in sorted((root / "received" / "new").iterdir()):
        texts.append(json.loads(path.read_bytes())["text"])
        path.unlink()
    return texts


async def inline(function: Any, *arguments: Any) -> Any:
    await trio.lowlevel.checkpoint()
    return function(*arguments)


__all__ = ["LOST", "UNSENT", "Chat", "ChatLetter", "Crash", "Receiving", "take"]
