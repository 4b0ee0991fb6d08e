"""Rates and latencies of late."""

from __future__ import annotations

import pytest

from smppd.figures import AccountFigures
from smppd.vitals.pulse import Flow, Pulse
from tests.vitals.figures import NOW, STARTED, daemon, link


def test_one_look_tells_no_rates() -> None:
    pulse = Pulse()
    pulse.feel(daemon(link(submitted=500)))
    assert pulse.flow("main") == Flow()


def test_rates_are_of_the_last_seconds_and_not_of_all_time() -> None:
    pulse, main = Pulse(), link()
    for second in range(20):
        main.submitted += 10 if second < 10 else 50
        main.answers = {0: main.submitted - 4, 0x58: 4}
        main.throttled = 4
        main.receipts = {"delivered": second, "expired": second}
        main.latency.observe(0.9 if second < 10 else 0.003, 10)
        pulse.feel(daemon(main, now=NOW + second))
    flow = pulse.flow("main")
    assert (flow.submitted, flow.taken, flow.throttled, flow.receipts) == (50, 50, 0, 2)
    assert (flow.half, flow.tail) == (0.004, 0.004), "what was slow before does not count"
    assert flow.seconds == pytest.approx(5)


def test_looks_too_close_together_keep_their_span() -> None:
    pulse, main = Pulse(), link()
    for number in range(100):
        main.submitted += 1
        pulse.feel(daemon(main, now=NOW + number / 10))
    assert pulse.flow("main").submitted == pytest.approx(10)


def test_links_and_accounts_are_added_up() -> None:
    pulse, one, two = Pulse(), link("one"), link("two")
    shop = AccountFigures("shop", outcomes={"SUCCESS": 1, "NO_ANSWER": 2})
    pulse.feel(daemon(one, two, accounts=[shop]))
    one.submitted, two.submitted = 10, 20
    one.latency.observe(0.001, 99)
    two.latency.observe(0.1)
    shop.outcomes = {"SUCCESS": 5, "NO_ANSWER": 2}
    pulse.feel(daemon(one, two, accounts=[shop], now=NOW + 2))
    both = pulse.flow("one", "two")
    assert (both.submitted, both.half, both.tail) == (15, 0.001, 0.001)
    assert pulse.flow("two").tail == 0.128
    assert pulse.flow("shop").answered == 2
    assert pulse.flow().submitted == 0


@pytest.mark.parametrize(
    "again", [{"started": STARTED + 5, "now": NOW + 9}, {"now": NOW - 100}], ids=["anew", "clock"]
)
def test_a_daemon_started_anew_or_a_clock_set_back_is_no_negative_rate(
    again: dict[str, float],
) -> None:
    pulse = Pulse()
    pulse.feel(daemon(link(submitted=500)))
    pulse.feel(daemon(link(submitted=600), now=NOW + 1))
    pulse.feel(daemon(link(submitted=3), **again))
    assert pulse.flow("main") == Flow()
