"""The `expires` field."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smppd.expiry import parse_expires, parse_send_at


@pytest.mark.parametrize(
    ("value", "moment"),
    [
        (90, 1090.0),
        (0.5, 1000.5),
        ("500ms", 1000.5),
        ("90s", 1090.0),
        ("10m", 1600.0),
        ("1.5h", 6400.0),
        ("2 d", 173_800.0),
        ("1w", 605_800.0),
        ("1970-01-01T01:00:00+01:00", 0.0),
        ("1970-01-01T00:00:10Z", 10.0),
        (" 1970-01-01T00:00:10.5Z ", 10.5),
    ],
)
def test_durations_count_from_now_and_times_stand(value: str | float, moment: float) -> None:
    assert parse_expires(value, 1000.0) == pytest.approx(moment)


@pytest.mark.parametrize(
    ("value", "word"),
    [
        (0, "duration"),
        (-5, "duration"),
        (1e300, "ten years"),
        (float("nan"), "duration"),
        ("0s", "duration"),
        ("", "neither"),
        ("600", "neither"),
        ("soon", "neither"),
        ("٣m", "neither"),
        ("2030-01-31", "offset"),
        ("2030-01-31T18:00", "offset"),
        ("9" * 5000 + "s", "…"),
    ],
)
def test_what_is_neither_says_why(value: str | float, word: str) -> None:
    reason = parse_expires(value, 1000.0)
    assert isinstance(reason, str)
    assert word in reason
    assert len(reason) < 200


@given(st.text() | st.floats() | st.integers())
def test_nothing_raises(value: str | float) -> None:
    assert isinstance(parse_expires(value, 1000.0), float | str)


def test_a_time_to_send_at_has_an_offset_and_is_not_too_far_ahead() -> None:
    assert parse_send_at("1970-01-01T01:00:10+01:00", 1000.0) == 10.0
    assert "no offset" in str(parse_send_at("2030-01-31T18:00", 1000.0))
    assert "no time" in str(parse_send_at("10m", 1000.0))
    assert "ten years" in str(parse_send_at("2030-01-31T18:00Z", 1000.0))


@given(st.text())
def test_no_time_to_send_at_raises(value: str) -> None:
    assert isinstance(parse_send_at(value, 1000.0), float | str)
