"""From when and until when a message may be submitted: `send_at` and `expires` as moments.

Pure; it imports nothing of ours and raises nothing. What cannot be read comes back as a reason.
"""

from __future__ import annotations

import re
from datetime import datetime

_UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0, "w": 604800.0}
_DURATION = re.compile(r"(\d{1,12}(?:\.\d{1,9})?) ?(ms|[smhdw])", re.ASCII)

#: Further ahead than this is a slip of the pen (seconds).
_FURTHEST = 10 * 365 * 86400.0

_LIKE = '"2030-01-31T18:00:00+01:00"'
_HOW = f'write a duration like "10m" or a time like {_LIKE}'


def window(
    send_at: str | None, expires: str | float | None, now: float
) -> tuple[float | None, float | None] | str:
    """From when and until when a message may go, or what is wrong, beginning with the field.

    The first is None for at once; a duration in `expires` counts from it.
    """
    begins = now
    if send_at is not None:
        moment = parse_send_at(send_at, now)
        if isinstance(moment, str):
            return moment
        begins = max(now, moment)
    ends = None if expires is None else parse_expires(expires, begins)
    if isinstance(ends, str):
        return ends
    if ends is not None and begins > now and ends <= begins:
        return "expires: not after send_at, so it could never be sent: write a later time"
    return begins if begins > now else None, ends


def parse_expires(value: str | float, now: float) -> float | str:
    """When it expires, in epoch seconds, or why the value is none.

    A number is a duration in seconds; a text is a duration with its unit (ms, s, m, h, d, w) or
    ISO 8601 with an offset. Durations count from `now`.
    """
    if isinstance(value, str):
        match = _DURATION.fullmatch(value.strip())
        if match is None:
            return _moment("expires", value, f"is neither a duration nor a time: {_HOW}")
        value = float(match[1]) * _UNITS[match[2]]
    if not 0 < value <= _FURTHEST:
        return "expires: a duration must be more than nothing and at most ten years"
    return now + value


def parse_send_at(value: str, now: float) -> float | str:
    """From when on it may be submitted, in epoch seconds, or why the value is no such moment.

    ISO 8601 with an offset, at most ten years after `now`; a moment gone by is as good as now.
    """
    moment = _moment("send_at", value, f"is no time: write one like {_LIKE}")
    if isinstance(moment, float) and moment > now + _FURTHEST:
        return f"send_at: {_shown(value)} is more than ten years ahead: write a nearer time"
    return moment


def _moment(field: str, value: str, otherwise: str) -> float | str:
    try:
        moment = datetime.fromisoformat(value.strip())
    except ValueError:
        return f"{field}: {_shown(value)} {otherwise}"
    if moment.tzinfo is None:
        return f"{field}: {_shown(value)} has no offset: end it in Z or like +01:00"
    try:
        return moment.timestamp()
    except (OverflowError, ValueError):
        return f"{field}: {_shown(value)} is beyond what a clock can show: write one like {_LIKE}"


def _shown(value: str) -> str:
    return repr(value if len(value) <= 40 else value[:40] + "…")
