"""Chat channels, and what is said in them: the operations of class `chat`.

Each message that is sent counts in the tally, under PLATFORM/PLATFORMID/DESTINATION and its text.
What customers write comes in as time passes; nothing does before their account has called, which
is when their clock begins. Raises nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from urllib.parse import urlsplit

from smppd.simulate.agenda import Agenda
from smppd.simulate.common import Common
from smppd.simulate.provider.accounts import Account, ChatMessage, Line
from smppd.simulate.provider.answering import NOTHING, Doing, Params, Refused, Result, Writing
from smppd.simulate.provider.script import Chats as Script

FILE_TYPES = frozenset({"image", "video", "audio", "voice", "document", "contact"})
NO_CHANNEL = Refused("CHANNEL_NOT_FOUND")
NO_CHAT = Refused("CHAT_NOT_FOUND")

OnLine = Callable[[Line, Params, float], Result]


class Chats:
    """The operations, by name."""

    def __init__(self, script: Script, common: Common, writing: Writing) -> None:
        self._script = script
        self._common = common
        self._writing = writing
        self._agenda = Agenda()
        self._written = 0
        self.operations: Mapping[str, Doing] = {
            "chat.getchatchannels": self._list_channels,
            "chat.sendmessage": in_channel(self._send),
            "chat.sendfile": in_channel(self._send_file),
            "chat.getchats": in_channel(self._list_chats),
            "chat.getmessages": in_channel(self._list_messages),
            "chat.getunreadmessages": in_channel(self._list_unread),
        }

    # ── what comes in ────────────────────────────────────────────────────────────────────────

    def advance(self, now: float) -> None:
        """Time has passed."""
        self._agenda.run(now)

    def welcome(self, account: Account, now: float) -> None:
        """An account calls for the first time: what its customers write comes from now on."""
        for letter in self._script.letter:
            line = account.lines.get((letter.platform, letter.platformid))
            if line is not None and letter.user in ("", account.user):
                due = now + letter.after
                self._agenda.at(due, self._arrive, line, letter.source, letter.text, due)
        line = account.lines.get((self._script.platform, self._script.platformid))
        if line is not None and (self._script.rate or self._script.count):
            self._agenda.at(now, self._write, line, 1, now)

    def _write(self, now: float, line: Line, number: int, due: float) -> None:
        """A customer writes one message after another, each at its time however late we look."""
        script = self._script
        text = script.text.replace("{n}", str(number))
        self._arrive(now, line, script.source, text, due)
        if script.count and number >= script.count:
            return
        due += 1 / script.rate if script.rate else 0.0
        self._agenda.at(due, self._write, line, number + 1, due)

    def _arrive(self, _now: float, line: Line, source: str, text: str, due: float) -> None:
        self._keep(line, source, ChatMessage("", text, ours=False, at=due, unread=True))

    def _keep(self, line: Line, who: str, message: ChatMessage) -> None:
        self._written += 1
        message.message_id = str(self._written)
        line.chats.setdefault(who, []).append(message)

    # ── what is asked for ────────────────────────────────────────────────────────────────────

    def _list_channels(self, account: Account, _params: Params, _now: float) -> Result:
        channels = [
            {
                "platformid": self._writing.id(line.platformid),
                "platform": line.platform,
                "name": line.name,
            }
            for line in account.lines.values()
        ]
        return {"list": channels}

    def _send(self, line: Line, params: Params, now: float) -> Result:
        self._say(line, params["destination"], params["message"], now)
        return NOTHING

    def _send_file(self, line: Line, params: Params, now: float) -> Result:
        thumb = params.get("thumburl", "")
        if params["destination"] not in line.chats:
            return NO_CHAT
        if params["type"] not in FILE_TYPES:
            return Refused("INCORRECT_FILETYPE")
        if not _is_url(params["fileurl"]):
            return Refused("INCORRECT_FILEURL")
        if thumb and not _is_url(thumb):
            return Refused("INCORRECT_THUMBURL")
        text = " ".join(filter(None, (params["fileurl"], params.get("message", ""))))
        self._say(line, params["destination"], text, now)
        return NOTHING

    def _say(self, line: Line, to: str, text: str, now: float) -> None:
        place = f"{line.platform}/{line.platformid}/{to}"
        self._common.tally.take_over_http(place, text.encode("utf-8", "replace"))
        self._keep(line, to, ChatMessage("", text, ours=True, at=now))
        if self._script.reply:
            reply = self._script.reply.replace("{}", text)
            due = now + self._script.reply_delay
            self._agenda.at(due, self._arrive, line, to, reply, due)

    def _list_chats(self, line: Line, _params: Params, now: float) -> Result:
        """The last message of each chat, the newest chat first."""
        chats = sorted(line.chats.items(), key=lambda chat: int(chat[1][-1].message_id))
        return {
            "list": [self._told(line, who, each[-1], "sent", now) for who, each in reversed(chats)]
        }

    def _list_messages(self, line: Line, params: Params, now: float) -> Result:
        who = params["destination"]
        if who not in line.chats:
            return NO_CHAT
        return {"list": [self._told(line, who, each, "sent", now) for each in line.chats[who]]}

    def _list_unread(self, line: Line, params: Params, now: float) -> Result:
        who = params["destination"]
        if who not in line.chats:
            return NO_CHAT
        unread = [each for each in line.chats[who] if each.unread]
        told = [self._told(line, who, each, "issent", now) for each in unread]
        if not self._script.keep_unread:
            for each in unread:
                each.unread = False
        return {"list": told}

    def _told(
        self, line: Line, who: str, message: ChatMessage, direction: str, now: float
    ) -> dict[str, object]:
        writing = self._writing
        status = "sent" if message.ours else "unread" if message.unread else "read"
        return {
            "platformid": writing.id(line.platformid),
            "platform": line.platform,
            "message": message.text,
            "destination": who,
            "messageid": writing.id(message.message_id),
            direction: writing.sent(message.ours),
            "status": status,
            "datetime": writing.date(message.at - now),
        }


def in_channel(doing: OnLine) -> Doing:
    """An operation in a channel of the account."""

    def do(account: Account, params: Params, now: float) -> Result:
        line = account.lines.get((params["platform"], params["platformid"]))
        return NO_CHANNEL if line is None else doing(line, params, now)

    return do


def _is_url(written: str) -> bool:
    try:
        parts = urlsplit(written)
    except ValueError:
        return False
    return parts.scheme in ("http", "https") and bool(parts.hostname)
