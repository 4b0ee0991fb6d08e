"""`[smstools]`: what the folders of smstools need beside `[spool] compat = "smstools"`.

Notes mistakes with the `Reading` it is given; raises nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Annotated, Any

from smppd.config.rules import Problem, duration, flag, quoted, shown, whole

if TYPE_CHECKING:
    from smppd.config.mistakes import Reading


def _handler(value: object) -> object:
    """A command: its path, or a list of that and its first arguments; empty for none. Gives a tuple."""
    parts = [value] if isinstance(value, str) else value
    like = 'write its whole path, like "/usr/local/bin/smsevent"; no shell reads it'
    if not isinstance(parts, list) or not all(isinstance(each, str) for each in parts):
        return Problem(f"{shown(value)} is no command; {like}")
    if parts in ([], [""]):
        return ()
    if not parts[0].startswith("/") or any("\0" in each for each in parts):
        return Problem(f"{shown(parts[0])} does not begin with /; {like}")
    return tuple(parts)


@dataclass(frozen=True, slots=True, kw_only=True)
class SmstoolsConfig:
    """`[smstools]`. `eventhandler` is run with the event, the file and maybe a message id, so many at
    once and for so many seconds at most. `report`: receipts are asked for where a file does not say.
    `queues`: of a queue or provider in small letters, the link or account that it stands for."""

    eventhandler: Annotated[tuple[str, ...], _handler] = ()
    eventhandler_timeout: Annotated[float, duration("100ms", "1h")] = 30.0
    eventhandler_concurrency: Annotated[int, whole(1, 100)] = 4
    report: Annotated[bool, flag] = False
    incoming_utf8: Annotated[bool, flag] = False
    queues: Mapping[str, str] = field(default_factory=dict, hash=False)


def read_smstools(
    reading: Reading, document: dict[str, Any], names: list[str], *, wanted: bool
) -> SmstoolsConfig:
    """What the document says; `names` are those of links and accounts."""
    table = reading.table(document.get("smstools", {}), "smstools")
    given = reading.fields("smstools", table, "smstools")
    if given.get("eventhandler") and not wanted:
        why = 'does nothing without [spool] compat = "smstools"; add that, or take it out'
        reading.refuse(why, "smstools", "eventhandler")
    queues = reading.table(table.get("queues", {}), "smstools", "queues")
    for queue, name in queues.items():
        if name not in names:
            known = ", ".join(map(quoted, names))
            why = f"{shown(name)} is no link or account; there are {known}"
            reading.refuse(why, "smstools", "queues", queue)
    return SmstoolsConfig(
        **given, queues={str(key).lower(): value for key, value in queues.items()}
    )
