"""The statements about chats: which conversations there are, and what was received in them.

Exactly once needs to know every message that the provider still shows. So its key is kept as long
as it is shown, and `KEPT_DAYS` after: days on which the provider was reached count alone, because
nothing is forgotten but by an answer of it.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence

from smppd.ports import ChatStage, Conversation, PolledChannel

#: Days for which a message is remembered that the provider does not show any more.
KEPT_DAYS = 400

_CHANNEL = "account = ? AND platform = ? AND platformid = ?"


class Chats:
    """The journal's chats on one connection; each call is one transaction."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._sql = connection

    def open(
        self, channel: PolledChannel, destinations: Sequence[str], day: int
    ) -> list[Conversation]:
        """See `ports.ChatMemory.open_chats`."""
        sql = self._sql
        sql.execute("BEGIN IMMEDIATE")
        with sql:
            new = not sql.execute(
                f"SELECT 1 FROM chat WHERE {_CHANNEL} AND destination = ''",  # noqa: S608
                channel,
            ).fetchone()
            stage = ChatStage.HISTORY if new else ChatStage.OWED
            sql.executemany(
                "INSERT INTO chat (account, platform, platformid, destination, stage, tip, listed)"
                " VALUES (?, ?, ?, ?, ?, x'', ?) ON CONFLICT DO UPDATE SET listed = excluded.listed"
                " WHERE listed < excluded.listed",
                [(*channel, each, stage, day) for each in ("", *destinations)],
            )
            self._forget_unlisted(channel, day - KEPT_DAYS)
            # One by one: a list as JSON would lose what stands behind a NUL.
            find = f"SELECT number, stage, tip FROM chat WHERE {_CHANNEL} AND destination = ?"  # noqa: S608
            found = [sql.execute(find, (*channel, each)).fetchone() for each in destinations]
        return [
            Conversation(number, each, ChatStage(at), tip)
            for each, (number, at, tip) in zip(destinations, found, strict=True)
        ]

    def _forget_unlisted(self, channel: PolledChannel, before: int) -> None:
        """What comes back after that is history, as if the channel were seen for the first time."""
        gone = self._sql.execute(
            f"SELECT number FROM chat WHERE {_CHANNEL} AND listed < ? AND stage <> ?",  # noqa: S608
            (*channel, before, ChatStage.HISTORY),
        ).fetchall()
        for (number,) in gone:
            self._sql.execute("DELETE FROM chat_seen WHERE chat = ?", (number,))
            self._sql.execute(
                "UPDATE chat SET stage = ?, tip = x'' WHERE number = ?",
                (ChatStage.HISTORY, number),
            )

    def seen(self, number: int, keys: Sequence[bytes]) -> set[bytes]:
        """See `ports.ChatMemory.seen_in_chat`."""
        find = "SELECT 1 FROM chat_seen WHERE chat = ? AND key = ?"
        return {key for key in keys if self._sql.execute(find, (number, key)).fetchone()}

    def note(
        self, conversation: Conversation, keys: Sequence[bytes], day: int, *, whole: bool
    ) -> None:
        """See `ports.ChatMemory.note_chat`."""
        sql, number = self._sql, conversation.number
        sql.execute("BEGIN IMMEDIATE")
        with sql:
            sql.execute(
                "UPDATE chat SET stage = ?, tip = ? WHERE number = ?",
                (conversation.stage, conversation.tip, number),
            )
            sql.executemany(
                "INSERT INTO chat_seen VALUES (?, ?, ?) ON CONFLICT DO UPDATE"
                " SET day = excluded.day WHERE day < excluded.day",
                [(number, key, day) for key in sorted(keys)],
            )
            if whole:
                sql.execute(
                    "DELETE FROM chat_seen WHERE chat = ? AND day < ?", (number, day - KEPT_DAYS)
                )
