"""What people ask for in chats: no more messages, or messages again.

It stands before the letterbox: what is asked for is on disk before the journal notes the message
that asks for it. After a crash in between it is fetched again, and asks for nothing new.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from smppd.events import Emit, OptOutUnclear
from smppd.optout.roll import EVERYONE, Change, is_listable, sender_key
from smppd.optout.words import Wish
from smppd.ports import ChatLetter, Letterbox
from smppd.results.wishes import Wanted, Wishes, WishRules

#: Where the other side of a chat is a phone.
_PHONES = frozenset({"whatsapp"})
_CURE = "the list holds numbers only: see to it in the chat"


class WishingLetterbox:
    """Has wishes heeded on the way to a letterbox; itself a `ports.Letterbox`. `wall` gives epoch
    seconds."""

    def __init__(
        self,
        letterbox: Letterbox,
        wishes: Wishes,
        rules: WishRules,
        emit: Emit,
        wall: Callable[[], float],
    ) -> None:
        self._letterbox = letterbox
        self._wishes = wishes
        self._rules = rules
        self._emit = emit
        self._wall = wall

    def change(self, rules: WishRules) -> None:
        """Understand wishes by these from now on."""
        self._rules = rules

    async def draft(self, letters: Sequence[ChatLetter]) -> list[str] | None:
        """See `ports.Letterbox`; on return what the drafts ask for is on disk, too."""
        drafts = await self._letterbox.draft(letters)
        if drafts is not None and self._rules.keywords:
            wishes = [wanted for each in letters if (wanted := self._wanted(each)) is not None]
            if wishes:
                await self._wishes.heed(wishes)
        return drafts

    async def give_out(self, drafts: Sequence[str]) -> None:
        """See `ports.Letterbox`."""
        await self._letterbox.give_out(drafts)

    def _wanted(self, letter: ChatLetter) -> Wanted | None:
        """What a message asks for: an opt-out from the channel, unless everybody's is meant and
        the other side is a phone."""
        said = self._rules.keywords.meaning(letter.message.text)
        if said is None:
            return None
        channel, number = letter.channel, letter.destination.lstrip("+")
        if not is_listable(number):
            why = f"its sender in {channel.platform} has no number"
            self._emit(OptOutUnclear(channel.account, said.word, why, _CURE))
            return None
        out = said.wish is Wish.STOP
        sender: str | None = sender_key(channel.platformid)
        if self._rules.from_all and channel.platform in _PHONES:
            sender = EVERYONE if out else None
        why = f"{said.word} to {channel.platformid} in {channel.platform} over {channel.account}"
        change = Change(number, sender, int(self._wall()), why, out)
        return Wanted(change, channel.account, channel.platformid, channel.platform)
