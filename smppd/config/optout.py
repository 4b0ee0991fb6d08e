"""`[optout]`: what handsets write to get no more messages, and whose messages that is about.

Notes mistakes with the `Reading` it is given; raises nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Annotated, Any, Literal, get_args

from smppd.config.rules import Problem, Rule, choice, sender, shown
from smppd.optout.roll import sender_key
from smppd.optout.words import plain_words

if TYPE_CHECKING:
    from smppd.config.mistakes import Reading

Scope = Literal["sender", "all"]
Match = Literal["whole", "first"]

_LONGEST = 1000
_LANES = ("high", "normal", "bulk")
_HOW = 'write senders = {"2580" = ["ACME", "2580"]}: the number that is written to, whose it is'


def _keywords(value: object) -> object:
    """A list of words, or of several words each, that a message may consist of; or none."""
    if not isinstance(value, list):
        return Problem(f'{shown(value)} is not a list; write words like ["STOP", "BAJA"]')
    for word in value:
        if not isinstance(word, str) or not plain_words(word):
            return Problem(f'{shown(word)} is no word; write words like ["STOP", "BAJA"]')
    return tuple(value)


def _wording(value: object) -> object:
    """The text of a message; empty for none."""
    if not isinstance(value, str):
        return Problem(f"{shown(value)} is not a text; write it in quotes")
    if len(value) > _LONGEST:
        return Problem(f"has {len(value)} characters; write at most {_LONGEST}")
    return value


def _lanes(value: object) -> object:
    """A list of priorities, which may be empty."""
    known = ", ".join(f'"{lane}"' for lane in _LANES)
    if not isinstance(value, list):
        return Problem(f"{shown(value)} is not a list; write some of [{known}], or [] for none")
    one: Rule = choice(*_LANES)
    for each in value:
        if isinstance(problem := one(each), Problem):
            return problem
    return tuple(dict.fromkeys(value))


@dataclass(frozen=True, slots=True, kw_only=True)
class OptOutConfig:
    """`[optout]`. `stop` and `start` are the keywords of messages from handsets, which are the
    `whole` message or its `first` words. `scope`: an opt-out is from the sender that was written
    to, or from all. `senders`: of each number that can be written to, the senders it stands for,
    as `sender_key` writes both. Messages of `exempt_priorities` go all the same. An empty
    confirmation is not sent.
    """

    stop: Annotated[tuple[str, ...], _keywords] = ("STOP", "BAJA")
    start: Annotated[tuple[str, ...], _keywords] = ("START", "ALTA")
    match: Annotated[Match, choice(*get_args(Match))] = "whole"
    scope: Annotated[Scope, choice(*get_args(Scope))] = "sender"
    stop_text: Annotated[str, _wording] = ""
    start_text: Annotated[str, _wording] = ""
    exempt_priorities: Annotated[tuple[str, ...], _lanes] = ()
    senders: Mapping[str, tuple[str, ...]] = field(default_factory=dict, hash=False)


def read_optout(reading: Reading, document: dict[str, Any]) -> OptOutConfig:
    """What the document says of opt-out."""
    table = reading.table(document.get("optout", {}), "optout")
    given = reading.fields("optout", table, "optout")
    given["senders"] = _senders(reading, table.get("senders", {}))
    stop, start = (given.get(key, getattr(OptOutConfig(), key)) for key in ("stop", "start"))
    both = {tuple(plain_words(word)) for word in stop} & {tuple(plain_words(w)) for w in start}
    for words in sorted(both):
        reading.refuse(
            f'"{" ".join(words)}" stands under stop, too; leave it out of one', "optout", "start"
        )
    return OptOutConfig(**given)


def _senders(reading: Reading, table: object) -> dict[str, tuple[str, ...]]:
    if not isinstance(table, dict):
        reading.refuse(f"is not a table; {_HOW}", "optout", "senders")
        return {}
    found: dict[str, tuple[str, ...]] = {}
    for number, names in table.items():
        key = ("optout", "senders", number)
        if not isinstance(names, list) or not names:
            reading.refuse(f"{shown(names)} is not a list of senders; {_HOW}", *key)
            continue
        problems = [rule for each in (number, *names) if isinstance(rule := sender(each), Problem)]
        for problem in problems:
            reading.refuse(problem.why, *key)
        if not problems:
            keys = dict.fromkeys(sender_key(name) for name in names)
            found[sender_key(number)] = tuple(keys)
    return found
