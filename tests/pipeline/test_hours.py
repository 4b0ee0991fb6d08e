"""Quiet hours: nothing leaves for a country at night by its own clock, and everything in the morning."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

import trio

from smppd.config.quiet import QuietConfig
from smppd.config.reading import parse
from smppd.pipeline.hours import Quiet, QuietHours

if TYPE_CHECKING:
    from trio.testing import MockClock

    from tests.pipeline.conftest import Bench

NIGHT = QuietConfig(begins=22 * 60, ends=8 * 60, zone="Europe/Madrid", places=("ES",))


def at(moment: str) -> float:
    return datetime.fromisoformat(moment).timestamp()


def test_a_night_ends_in_the_morning_by_the_clock_there() -> None:
    quiet = Quiet(NIGHT)
    assert quiet.until(at("2026-11-28T21:59:59+01:00")) is None
    assert quiet.until(at("2026-11-28T22:00:00+01:00")) == at("2026-11-29T08:00:00+01:00")
    assert quiet.until(at("2026-11-29T07:59:00+01:00")) == at("2026-11-29T08:00:00+01:00")
    assert quiet.until(at("2026-11-29T08:00:00+01:00")) is None
    assert quiet.until(at("2026-11-28T23:00:00+01:00")), "a clock that jumps back is looked at anew"


def test_clocks_that_are_changed_in_the_night_change_its_end() -> None:
    quiet = Quiet(NIGHT)
    assert quiet.until(at("2026-10-24T23:00:00+02:00")) == at("2026-10-25T08:00:00+01:00")
    assert quiet.until(at("2026-03-28T23:00:00+01:00")) == at("2026-03-29T08:00:00+02:00")


def test_a_night_belongs_to_the_day_on_which_it_begins() -> None:
    quiet = Quiet(QuietConfig(begins=22 * 60, ends=8 * 60, zone="Europe/Madrid", days=(5,)))
    assert quiet.until(at("2026-11-28T23:00:00+01:00")), "a Saturday"
    assert quiet.until(at("2026-11-29T07:00:00+01:00"))
    assert quiet.until(at("2026-11-29T23:00:00+01:00")) is None


async def test_what_comes_at_night_leaves_in_the_morning_and_codes_at_once(
    bench: Bench, autojump_clock: MockClock
) -> None:
    minute = (int(bench.wall()) // 60) % 1440
    section = QuietConfig(begins=minute, ends=(minute + 60) % 1440, zone="UTC", places=("ES", "44"))
    async with bench.up() as life:
        lanes = {number: lane for (_, lane), number in life.queues.items()}
        life.desk.gate.add(QuietHours([section], lanes).check)
        await life.submit(
            bench.sms(id="es"),
            bench.sms(id="fr", to="+33612345678"),
            bench.sms(id="uk", to="+447700900123"),
            bench.sms(id="code", priority="high"),
        )
        assert sorted(life.texts(life.wire.submitted)) == ["code", "fr"]
        bench.skew += 3600.0
        await trio.sleep(31)
        assert sorted(life.texts(life.wire.submitted)) == ["code", "es", "fr", "uk"]


def test_mistakes_are_named_with_their_cure() -> None:
    config = parse(
        b'[link.a]\nhost="h"\nsystem_id="x"\npassword_env="P"\n'
        b'[[quiet]]\ncountries=["XX"]\nfrom="22"\nuntil="08:00"\nzone="Madrid"\ndays=["sunday"]\n',
        Path("smppd.toml"),
        {},
    )
    assert isinstance(config, list)
    said = "\n".join(map(str, config))
    assert '"22" is no time of day; write it like "22:00"' in said
    assert '"XX" is neither country nor prefix' in said
    assert '"Madrid" is no time zone that this machine knows' in said
    assert '"sunday" is none of mon' in said
