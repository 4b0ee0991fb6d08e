"""The last warnings and errors."""

from __future__ import annotations

from dataclasses import fields

import pytest

from smppd import events
from smppd.observe.lines import LINES
from smppd.observe.recent import CURES, MOST, Recent


def lost(link: str = "main", reason: str = "the SMSC closed the connection") -> events.LinkLost:
    return events.LinkLost(link, 1, reason, 0, 1.0)


@pytest.mark.parametrize(
    "kind", [kind for kind, line in LINES.items() if line.level in ("warning", "error")]
)
def test_whatever_is_a_warning_says_what_to_do(kind: type[events.Event]) -> None:
    own = any(field.name == "hint" for field in fields(kind))
    assert own != (kind in CURES), "once, and only once"


def test_what_comes_again_is_counted_and_comes_first() -> None:
    times = iter(range(10))
    recent = Recent(lambda: float(next(times)))
    for link in ("main", "backup", "main"):
        recent(lost(link))
    first, second = recent.newest_first()
    assert (first.about, first.count, first.at) == ("main", 2, 2.0)
    assert (second.about, second.count, second.at) == ("backup", 1, 1.0)
    assert first.why == "the SMSC closed the connection"
    assert "smppd check --connect" in first.cure


def test_only_warnings_and_errors_are_kept_and_so_many() -> None:
    recent = Recent(lambda: 0.0)
    recent(events.LinkUnbound("main", 1))
    assert recent.newest_first() == []
    for number in range(MOST + 5):
        recent(lost(f"link-{number}", "x" * 10_000))
    kept = recent.newest_first()
    assert [len(kept), kept[0].about, kept[-1].about] == [MOST, f"link-{MOST + 4}", "link-5"]
    assert all(len(each.why) < 1000 for each in kept)


def test_an_event_says_itself_what_to_do_and_why() -> None:
    recent = Recent(lambda: 0.0)
    recent(events.BindRefused("main", 1, 14, "ESME_RINVPASWD", "wrong password: correct it", 60.0))
    [kept] = recent.newest_first()
    assert (kept.why, kept.cure) == ("ESME_RINVPASWD", "wrong password: correct it")


def test_what_may_quote_a_message_is_not_repeated() -> None:
    recent = Recent(lambda: 0.0)
    recent(events.FileQuarantined("a.csv", "no column 'to' in 34600000001;Hola", "bad/a.csv"))
    recent(events.OutletFailing("webhook:crm", "HTTP 500: Hola"))
    assert {each.why for each in recent.newest_first()} == {"the log says why"}
    assert "error.json" in recent.newest_first()[1].cure
