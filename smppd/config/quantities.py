"""Lengths of time and sizes as people write them: "500ms", "10m", "128KiB".

Knows no keys and no files. A text that is no quantity gives None; nothing is raised.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from types import MappingProxyType

_SECONDS: Mapping[str, float] = MappingProxyType(
    {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86_400.0}
)
_OCTETS: Mapping[str, int] = MappingProxyType(
    {"B": 1, "KiB": 1 << 10, "MiB": 1 << 20, "GiB": 1 << 30}
)

_DURATION = re.compile(r"([0-9]+(?:\.[0-9]+)?)(ms|s|m|h|d)")
_SIZE = re.compile(r"([0-9]+)(B|KiB|MiB|GiB)")


def seconds(text: str) -> float | None:
    """The length of time in seconds: a number and one of ms, s, m, h, d."""
    found = _DURATION.fullmatch(text)
    if not found:
        return None
    length = float(found[1]) * _SECONDS[found[2]]
    return length if math.isfinite(length) else None


def octets(text: str) -> int | None:
    """The size in octets: a whole number and one of B, KiB, MiB, GiB."""
    found = _SIZE.fullmatch(text)
    # More digits than any disk has octets; int() refuses thousands of them.
    if not found or len(found[1]) > 20:
        return None
    return int(found[1]) * _OCTETS[found[2]]
