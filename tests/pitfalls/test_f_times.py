"""P83: validity_period and schedule_delivery_time are 16 characters in UTC, or none."""

from __future__ import annotations

from typing import Any

import pytest
from trio.testing import MockClock

from tests.pitfalls.raw import Frame
from tests.pitfalls.rig import Rig


def times(frame: Frame) -> tuple[bytes, bytes]:
    """schedule_delivery_time and validity_period, by hand: the sixth and seventh C-strings."""
    service_type, rest = frame.body.split(b"\0", 1)
    assert service_type == b""
    _, rest = rest[2:].split(b"\0", 1)  # TON, NPI, source
    _, rest = rest[2:].split(b"\0", 1)  # TON, NPI, destination
    schedule, validity, _ = rest[3:].split(b"\0", 2)  # esm_class, protocol_id, priority
    return schedule, validity


@pytest.mark.parametrize(
    ("keys", "expires", "validity"),
    [
        ({}, "10m", (b"261121223640000+", b"261121223641000+")),
        ({}, "2026-11-22T21:00:00.9+01:00", (b"261122200000000+",)),
        ({"times": "relative"}, "10m", (b"000000001000000R", b"000000000959000R")),
        ({"times": "relative"}, "2d", (b"000002000000000R", b"000001235959000R")),
        ({"times": "omit"}, "10m", (b"",)),
        ({}, None, (b"",)),
    ],
)
async def test_p83_the_validity_period_has_16_characters_in_utc(
    rig: Rig,
    autojump_clock: MockClock,
    keys: dict[str, Any],
    expires: str | None,
    validity: tuple[bytes, ...],
) -> None:
    rig.skew = 0.5
    await rig.start(**keys)
    rig.hand_in(rig.sms(1) if expires is None else rig.sms(1, expires=expires))
    await rig.until(lambda: rig.smsc.submits)
    schedule, written = times(rig.smsc.submits[0])
    assert schedule == b""
    assert written in validity
