"""What a report counts: by state, country, encoding, parts, error, link, cost and time."""

from __future__ import annotations

import json
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import msgspec
import pytest

from smppd.campaign import NO_TERMS, CampaignTerms, Canary
from smppd.config import Prices
from smppd.message import ErrorInfo
from smppd.results.lines import ResultLine
from smppd.results.tally import Tally
from smppd.results.timeline import MOST_COLUMNS, Moments
from smppd.results.totals import Heading, Totals, terms_of
from smppd.told import iso

HEADING = Heading("a.jsonl", "t/a.jsonl", "bulk", "2026-11-28T02:00:00.000Z", "spring")
PRICES = Prices(
    "EUR", {"ES": Decimal("0.045"), "FR": Decimal("0.07")}, {"cheap": {"ES": Decimal("0.03")}}
)
START = 1_764_295_200.0


def line(state: str = "delivered", to: str = "34600000001", **fields: Any) -> ResultLine:
    given: dict[str, Any] = {
        "line": 1,
        "id": "i",
        "to": to,
        "state": state,
        "parts": 1,
        "encoding": "gsm7",
        "message_ids": [],
        "submitted": iso(START),
        "done": iso(START + 5),
        "error": None,
        "attempts": 1,
        "possible_duplicate": False,
        "link": "main",
    }
    return ResultLine(**given | fields)


def rejected(code: str) -> ResultLine:
    return line(
        "rejected",
        "",
        parts=0,
        encoding=None,
        submitted=None,
        done=None,
        link=None,
        error=ErrorInfo(code),
    )


def totals(*lines: ResultLine, prices: Prices = PRICES) -> Totals:
    tally = Tally(prices)
    for each in lines:
        tally.count(each)
    return tally.totals(HEADING)


def test_what_a_campaign_comes_to() -> None:
    found = totals(
        line(parts=2, encoding="ucs2"),
        line("undelivered", error=ErrorInfo("UNDELIVERABLE", None, "secret words")),
        line("delivered", "33600000001", parts=3),
        line("unknown", possible_duplicate=True, done=None),
        line("failed", error=ErrorInfo("ESME_RINVDSTADR", 11)),
        line("delivered", link="cheap"),
        rejected("BAD_TO"),
    )
    assert found.states == {
        "delivered": 3,
        "undelivered": 1,
        "unknown": 1,
        "failed": 1,
        "rejected": 1,
    }
    assert (found.messages, found.parts, found.possible_duplicates) == (7, 9, 1)
    assert found.encodings == {"ucs2": 1, "gsm7": 5}
    assert found.lengths == {1: 4, 2: 1, 3: 1}
    assert found.errors == {"BAD_TO": 1, "ESME_RINVDSTADR": 1, "UNDELIVERABLE": 1}
    assert list(found.countries) == ["ES", "FR", "none"]
    spain, france, none = (found.countries[key] for key in ("ES", "FR", "none"))
    assert (spain.name, spain.messages, spain.parts) == ("Spain", 5, 6)
    assert spain.cost == Decimal("0.045") * 4 + Decimal("0.03")
    assert (france.name, france.cost) == ("France", Decimal("0.21"))
    assert (none.name, none.states, none.cost) == ("no country", {"rejected": 1}, msgspec.UNSET)
    assert found.links["main"].messages == 5
    assert found.links["cheap"].cost == Decimal("0.03")
    assert found.cost
    assert found.cost.estimated == Decimal("0.42")
    assert found.cost.by_state == {
        "delivered": Decimal("0.33"),
        "undelivered": Decimal("0.045"),
        "unknown": Decimal("0.045"),
    }
    assert (found.cost.possible_duplicates, found.cost.unpriced) == (Decimal("0.045"), 0)


def test_the_report_is_json_with_exact_numbers_and_without_what_people_wrote() -> None:
    tally = Tally(Prices("EUR", {"default": Decimal("0.1")}))
    for _ in range(30_000):
        tally.count(line())
    tally.count(line("undelivered", error=ErrorInfo("UNDELIVERABLE", None, "secret words")))
    octets = tally.totals(HEADING).encode()
    assert b'"estimated":3000.1' in octets
    assert b"secret" not in octets
    report = json.loads(octets)
    assert report["campaign"] == "spring"
    assert {"file", "claim", "lane", "handed_in", "messages", "complete", "states"} <= set(report)
    assert {"encodings", "parts", "possible_duplicates", "seconds", "rate"} <= set(report)
    assert "destinations" not in report


def test_without_prices_nothing_is_said_of_cost() -> None:
    report = json.loads(totals(line(), prices=Prices()).encode())
    assert "cost" not in report
    assert "cost" not in report["countries"]["ES"]


def test_what_has_no_price_is_counted_and_not_free() -> None:
    found = totals(line("sent", "4915112345678"), line())
    assert found.cost
    assert (found.cost.unpriced, found.cost.estimated) == (1, Decimal("0.045"))


def test_a_send_to_a_group_costs_and_counts_by_its_destinations() -> None:
    tally = Tally(PRICES)
    whole = line("delivered", "group 7")
    tally.count(whole, [line(), line("undelivered", "33600000001"), line()])
    found = tally.totals(HEADING)
    assert (found.messages, found.states) == (1, {"delivered": 1})
    assert found.destinations == {"delivered": 2, "undelivered": 1}
    assert {key: share.messages for key, share in found.countries.items()} == {"ES": 2, "FR": 1}
    assert found.cost
    assert found.cost.estimated == Decimal("0.16") == found.links["main"].cost


def test_a_call_that_sends_no_sms_costs_nothing_by_the_prices_of_sms() -> None:
    found = totals(line("sent", op="chat.sendmessage"), line("sent", op="sms.sendsms"))
    assert found.cost
    assert (found.cost.estimated, found.cost.unpriced) == (Decimal("0.045"), 0)


def test_an_empty_file_has_a_report_too() -> None:
    found = totals()
    assert (found.messages, found.rate, found.first_submitted) == (0, None, None)
    assert json.loads(found.encode())["countries"] == {}


def test_kinds_of_messages_are_bounded() -> None:
    tally = Tally(Prices())
    for number in range(25_000):
        tally.count(line("failed", error=ErrorInfo(f"CODE{number}")))
    found = tally.totals(HEADING)
    assert len(found.errors) == 20_001
    assert found.errors["OTHER"] == 5_000
    assert sum(found.errors.values()) == found.messages


# ── over time ────────────────────────────────────────────────────────────────────────────────


def moments(seconds: Iterator[float] | list[float]) -> Moments:
    found = Moments()
    for number, second in enumerate(seconds):
        moment = iso(START + second)
        assert moment is not None
        found.submitted[moment[: found.width]] += 1
        if not number % 1000:
            found.settle()
    return found


@pytest.mark.parametrize("length", [1, 59, 61, 3_599, 86_400, 30 * 86_400, 4000 * 86_400])
def test_any_length_of_time_is_shown_in_few_columns(length: int) -> None:
    found = moments(length * part / 9_999 for part in range(10_000)).timeline()
    assert found is not None
    assert len(found.submitted) == len(found.delivered) <= MOST_COLUMNS + 1
    assert sum(found.submitted) == 10_000
    assert found.step >= 1
    assert not found.later


def test_memory_is_flat_over_months() -> None:
    found = moments(float(second * 61) for second in range(100_000))
    assert len(found.submitted) < 6_000


def test_a_late_few_do_not_squeeze_the_rest_into_one_column() -> None:
    found = moments([*(float(each) for each in range(100)), 86_400.0])
    timeline = found.timeline()
    assert timeline is not None
    assert (timeline.step, timeline.later) == (2, {"submitted": 2, "delivered": 0})
    assert sum(timeline.submitted) == 99


def test_times_of_submission() -> None:
    found = totals(
        line(submitted=iso(START + 2)), line(submitted=iso(START)), line(submitted=iso(START + 4))
    )
    assert (found.first_submitted, found.last_submitted) == (iso(START), iso(START + 4))
    assert (found.seconds, found.rate) == (4.0, 0.8)
    assert found.timeline
    assert found.timeline.submitted == [1, 0, 1, 0, 1, 0]
    assert found.timeline.delivered == [0, 0, 0, 0, 0, 3]
    assert found.timeline.start == "2025-11-28T02:00:00Z"


def test_only_the_terms_that_were_set_are_named() -> None:
    assert terms_of(NO_TERMS) == {}
    assert terms_of(CampaignTerms("x", once=True, spread=60.0, canary=Canary(5))) == {
        "once": True,
        "spread": 60.0,
        "canary": {"messages": 5, "max_failed": 0.05, "wait": 600.0},
    }
