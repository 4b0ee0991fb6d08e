"""Which call an operator means."""

from __future__ import annotations

from pathlib import Path

import pytest

from smppd.config import Config, HttpConfig, JournalConfig, SpoolConfig
from smppd.direct import Asked, Wanted, understand

CONFIG = Config(
    spool=SpoolConfig(path=Path("spool")),
    journal=JournalConfig(path=Path("journal.db")),
    http=(HttpConfig(name="here"), HttpConfig(name="there", time_zone="Europe/Madrid")),
)


def scheduled(via: str) -> Wanted | str:
    args = {"from": "ACME", "to": "34600000001", "sms": "Hola"}
    return understand(
        CONFIG,
        Asked("sms.sendsms", {**args, "scheduledatetime": "2030-01-31T09:30:00+00:00"}, via=via),
    )


def test_a_date_with_an_offset_is_in_the_time_zone_of_its_account() -> None:
    wanted = scheduled("there")
    assert isinstance(wanted, Wanted)
    assert wanted.account.name == "there"
    assert wanted.params["scheduledatetime"] == "2030-01-31 10:30:00"


@pytest.mark.parametrize("via", ["here", "http"])
def test_without_a_time_zone_it_is_refused(via: str) -> None:
    why = scheduled(via)
    assert isinstance(why, str)
    assert why.startswith("scheduledatetime: has an offset, but the time zone")
