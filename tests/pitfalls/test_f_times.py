"""P83: validity_period and schedule_delivery_time are 16 characters in UTC, or none."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from trio.testing import MockClock

from tests.pitfalls.raw import Frame
from tests.pitfalls.rig import EPOCH, Rig


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


@pytest.mark.parametrize(
    ("times_", "schedule"),
    [("absolute", b"261121232640000+"), ("relative", b"000000010000000R")],
)
async def test_p83_the_smsc_is_told_when_to_deliver(
    rig: Rig, autojump_clock: MockClock, times_: str, schedule: bytes
) -> None:
    await rig.start(schedule="smsc", times=times_)
    moment = datetime.fromtimestamp(EPOCH + 3600, UTC).isoformat()
    rig.hand_in(rig.sms(1, send_at=moment))
    await rig.until(lambda: rig.smsc.submits)
    written, validity = times(rig.smsc.submits[0])
    assert (len(written), validity) == (16, b"")
    assert written in {schedule, b"000000005959000R"}


async def test_p83_what_waits_here_names_no_time_and_goes_when_it_is_due(
    rig: Rig, autojump_clock: MockClock
) -> None:
    await rig.start()
    moment = datetime.fromtimestamp(EPOCH + 1800, UTC).isoformat()
    rig.hand_in(rig.sms(1, send_at=moment, expires="10m"), rig.sms(2))
    await rig.until(lambda: rig.states() == {"queued": 1, "sent": 1})
    await rig.kill()
    await rig.start_again()
    await rig.until(lambda: len(rig.smsc.submits) == 2)
    assert rig.wall() >= EPOCH + 1800
    assert times(rig.smsc.submits[1]) == (b"", b"261121230640000+")


async def test_p83_what_expired_is_not_sent(rig: Rig, autojump_clock: MockClock) -> None:
    rig.smsc.bind_status = 0x0D
    await rig.start(bound=0)
    rig.hand_in(rig.sms(1, expires="10m"), rig.sms(2))
    await rig.until(lambda: rig.states() == {"queued": 2})
    rig.skew += 3600
    rig.smsc.bind_status = 0
    await rig.until(lambda: rig.states() == {"expired": 1, "sent": 1})
    assert len(rig.smsc.submits) == 1
