"""`[retention]`: how long is kept what nobody needs any more, and whether texts are kept at all.

As in `sections`: a field with a rule is a key of the file, times are seconds, sizes octets.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal, get_args

from smppd.config import quantities
from smppd.config.rules import Problem, Rule, choice, duration, shown, size

#: What becomes of a message's text: it stays as long as the message, or goes when that is final.
Contents = Literal["keep", "drop-when-final"]

NEVER = "never"
_AGE_LIMITS = ("1s", "3650d")
_SIZE_LIMITS = ("1MiB", "1048576GiB")


def _or_never(rule: Rule) -> Rule:
    """What the rule allows, or "never", which gives None. Nothing at all is no length of it."""

    def checked(value: object) -> object:
        if value == NEVER:
            return None
        if value in (0, "0") or _is_nothing(value):
            return Problem(
                f"{shown(value)} would remove everything at once;"
                ' write "never" to remove nothing, or how much is kept'
            )
        found = rule(value)
        return Problem(f'{found.why}, or "never"') if isinstance(found, Problem) else found

    return checked


def _is_nothing(value: object) -> bool:
    found = value if isinstance(value, str) else ""
    return 0 in (quantities.seconds(found), quantities.octets(found))


_Age = Annotated[float | None, _or_never(duration(*_AGE_LIMITS))]
_Size = Annotated[int | None, _or_never(size(*_SIZE_LIMITS))]


@dataclass(frozen=True, slots=True, kw_only=True)
class RetentionConfig:
    """`[retention]`: None keeps for ever, or without a limit of size. `journal` counts from when a
    file was reported with all its messages final."""

    done: _Age = 30 * 86_400.0
    receipts: _Age = 30 * 86_400.0
    events: _Age = 30 * 86_400.0
    received: _Age = None
    journal: _Age = 30 * 86_400.0
    done_size: _Size = None
    receipts_size: _Size = None
    events_size: _Size = None
    contents: Annotated[Contents, choice(*get_args(Contents))] = "keep"

    @property
    def drops_contents(self) -> bool:
        """Whether no text is kept of a message that is final."""
        return self.contents == "drop-when-final"
