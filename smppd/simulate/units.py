"""What a script's values are measured in. Pure; a value that makes no sense raises ValueError."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated

from msgspec import Meta


class Seconds(float):
    """A duration. Written as a number of seconds, or with a unit: "5ms", "2s", "10m", "1h"."""


Share = Annotated[float, Meta(ge=0, le=1)]
Count = Annotated[int, Meta(ge=0)]


def check_sum(name: str, shares: Mapping[str, float]) -> None:
    """Shares of one whole are no more than it."""
    if sum(shares.values()) > 1 + 1e-9:
        raise ValueError(f"the shares of {name} add up to more than 1")


def read_address(listen: str) -> tuple[str, int]:
    """Host and port of "HOST:PORT". An IPv6 host stands in brackets."""
    host, colon, port = listen.rpartition(":")
    if not colon or not port.isascii() or not port.isdigit() or int(port) > 65535:
        raise ValueError(f"listen: {listen!r} is not HOST:PORT, like 127.0.0.1:2775")
    return host.strip("[]"), int(port)
