"""A file of one message has the report that the general way would make, octet for octet."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from smppd.config import Prices
from smppd.message import ErrorInfo, State
from smppd.results.lines import ResultLine
from smppd.results.single import Single
from smppd.results.tally import Tally
from smppd.results.totals import Heading
from smppd.told import iso

NUMBERS = ["", "12", "group 7", "34600000001", "33600000001", "12025550123", "4915112345678"]
PRICES = [
    Prices(),
    Prices("EUR", {"ES": Decimal("0.045"), "1202": Decimal("0.10")}),
    Prices("EUR", {"default": Decimal("1e-3")}, {"cheap": {"ES": Decimal("0.030")}}),
]
moments = st.one_of(
    st.none(),
    st.floats(1_764_295_100, 1_764_295_300),
    st.floats(1_764_295_100, 1_900_000_000),
).map(iso)
lines = st.builds(
    ResultLine,
    line=st.just(1),
    id=st.just("i"),
    to=st.sampled_from(NUMBERS),
    state=st.sampled_from([state.label for state in State]),
    parts=st.integers(0, 6),
    encoding=st.sampled_from([None, "gsm7", "ucs2"]),
    message_ids=st.just([]),
    submitted=moments,
    done=moments,
    error=st.sampled_from([None, ErrorInfo("BAD_TO"), ErrorInfo("ESME_RINVDSTADR", 11, "x")]),
    attempts=st.integers(0, 3),
    possible_duplicate=st.booleans(),
    link=st.sampled_from([None, "main", "cheap"]),
    op=st.sampled_from([msgspec.UNSET, "sms.sendsms", "chat.sendmessage"]),
)
headings = st.builds(
    Heading,
    st.just("a.json"),
    st.just("t/a.json"),
    st.sampled_from(["high", "bulk"]),
    st.just("2026-11-28T02:00:00.000Z"),
    st.just("spring"),
    st.sampled_from([None, {}, {"once": True}]),
)


@given(lines, st.lists(lines, max_size=3), headings, st.sampled_from(PRICES), st.booleans())
def test_one_message_is_told_as_one_of_many_would_be(
    line: ResultLine,
    destinations: list[ResultLine],
    heading: Heading,
    prices: Prices,
    complete: bool,
) -> None:
    single, tally = Single(prices), Tally(prices)
    told: list[Any] = []
    for counting in (single, tally):
        counting.count(line, destinations)
        told.append(counting.totals(heading, complete=complete).encode())
    assert told[0] == told[1]


def test_nothing_counted_is_an_empty_file() -> None:
    heading = Heading("a", "t/a", "high", None, "a")
    assert Single(Prices()).totals(heading) == Tally(Prices()).totals(heading)
