"""The chronicle: every command of an operator's that changes anything, with who gave it, when, and what
came of it. It is on disk before the operator hears the answer, and that it was begun before it can do much.

Only what is known to be harmless is kept of arguments and answers: names, numbers of ours, counts.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

import msgspec

from smppd.control import Arguments, Command, ControlRefused
from smppd.masking import masked_words
from smppd.ports import Commanded, Writing

#: Of the arguments, those that are kept.
KEPT = (
    "all", "links", "campaign", "msg_ids", "messages", "changes", "reason", "op", "via",
    "level", "link", "message", "seconds", "readable", "into", "stop",
)  # fmt: skip
#: Characters that are kept of either, and names of a list that are told one by one.
LONGEST, MOST_NAMES = 300, 10
#: Of an answer, what is not kept: what a provider may have said; who and when, which the entry has itself;
#: how far a trace is that has just begun.
_LEFT_OUT = frozenset({"result", "text", "who", "since", "until", "pdus", "octets", "files"})

Note = Callable[[Commanded], Writing]


class Chronicle:
    """Keeps it with `note`. `last` is the number of the last command that is in the journal; `wall` gives
    epoch seconds; `stuck` says why the journal takes nothing now, "" when it does."""

    def __init__(
        self, note: Note, last: int, wall: Callable[[], float], stuck: Callable[[], str]
    ) -> None:
        self._note = note
        self._stuck = stuck
        self._last = last
        self._wall = wall

    def keeping(self, name: str, command: Command) -> Command:
        """The command, kept whenever it is given. While it cannot be kept it is refused: nobody could tell
        the operator in time whether it is in force."""

        async def kept(arguments: Arguments) -> Any:
            if why := self._stuck():
                raise ControlRefused(
                    f"nothing was done: it must be in the journal first, which takes nothing now: {why}:"
                    " free space or mend the disk, then say it again"
                )
            return await self.keep(name, arguments, lambda: command(arguments))

        return kept

    async def keep(self, name: str, arguments: Arguments, act: Callable[[], Awaitable[Any]]) -> Any:
        """Have this done, and keep that and what came of it. Raises what it raises."""
        self._last += 1
        begun = Commanded(
            self._last,
            self._wall(),
            str(arguments["who"]),
            arguments.pop("uid", None),
            name,
            _cut(_told({key: arguments[key] for key in KEPT if arguments.get(key)})),
        )
        self._note(begun)
        try:
            result = await act()
        except ControlRefused as refusal:
            self._end(begun, "failed" if refusal.fault else "refused", str(refusal))
            raise  # nothing was done that would have to be on disk
        except Exception as fault:
            await self._end(begun, "failed", type(fault).__name__).wait()
            raise
        answer = msgspec.to_builtins(result) if result is not None else {}
        refused = answer.get("refused")
        what = (
            "; ".join(refused)
            if isinstance(refused, list) and refused
            else _told(_harmless(answer))
        )
        await self._end(begun, "refused" if refused else "done", what).wait()
        return result

    def _end(self, begun: Commanded, outcome: str, told: str) -> Writing:
        return self._note(begun._replace(outcome=outcome, told=_cut(masked_words(told))))


def _harmless(answer: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in answer.items() if key not in _LEFT_OUT}


def _told(values: Mapping[str, Any]) -> str:
    found = [(key, _value(value)) for key, value in values.items()]
    return ", ".join(f"{key} {value}" for key, value in found if value)


def _value(value: Any) -> str:
    """Names and numbers; of anything that may hold more than that, how many there are."""
    if isinstance(value, list):
        plain = len(value) <= MOST_NAMES and all(isinstance(each, str | int) for each in value)
        return " ".join(map(str, value)) if plain else f"{len(value):,}"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, str):
        return masked_words(value)
    return str(value) if isinstance(value, int | float) else ""


def _cut(text: str) -> str:
    return text if len(text) <= LONGEST else f"{text[:LONGEST]}…"
