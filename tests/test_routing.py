"""Which route takes a message."""

from __future__ import annotations

import json
from typing import Any

import pytest

from smppd.config import RouteConfig
from smppd.message import Lane, Request
from smppd.routing import Router
from smppd.spool.formats import parse_line


def request(**fields: Any) -> Request:
    line = parse_line(json.dumps({"to": "+34600000001", "text": "x"} | fields).encode(), 1)
    assert line.request is not None, line.mistake
    return line.request


def taken(
    route: RouteConfig, to: str = "+34600000001", lane: Lane = Lane.NORMAL, **fields: Any
) -> bool:
    return Router([route], {}).choose(request(**fields), to, lane) is route


def route(**conditions: Any) -> RouteConfig:
    return RouteConfig(name="r", links=("a",), **conditions)


@pytest.mark.parametrize(
    ("to", "takes"),
    [
        ("+34600000001", True),
        ("0034600000001", True),
        ("34 600 000 001", True),
        ("+351600000001", True),
        ("+35600000001", False),
        ("+133460000001", False),
        ("no number", False),
    ],
)
def test_by_the_digits_that_a_destination_begins_with(to: str, takes: bool) -> None:
    assert taken(route(to=("34", "351")), to) is takes


def test_a_national_number_is_taken_by_its_country() -> None:
    router = Router([route(to=("34",))], {"a": "34"})
    assert router.choose(request(), "600000001", Lane.NORMAL) is not None


@pytest.mark.parametrize(
    ("sender", "takes"),
    [
        ("ACME", True),
        ("Acme", False),
        ("+34600000009", True),
        ("0034600000009", True),
        ("34600000009", True),
        ("2255", True),
        ("225", False),
        (None, False),
    ],
)
def test_by_the_sender_that_the_message_names(sender: str | None, takes: bool) -> None:
    given: dict[str, Any] = {} if sender is None else {"from": sender}
    assert taken(route(from_=("ACME", "34600000009", "2255")), **given) is takes


@pytest.mark.parametrize(
    ("wanted", "given", "takes"),
    [
        ({"x-c": "spring"}, {"x-c": "spring"}, True),
        ({"x-c": "spring"}, {"x-c": "summer"}, False),
        ({"x-c": "spring"}, {}, False),
        ({"x-c": "año"}, {"x-c": "año"}, True),
        ({"x-n": 3}, {"x-n": 3}, True),
        ({"x-n": 3}, {"x-n": "3"}, False),
        ({"x-n": 1}, {"x-n": True}, False),
        ({"x-n": True}, {"x-n": True}, True),
        ({"x-n": 1}, {"x-n": [1]}, False),
        ({"flash": True}, {"flash": True}, True),
        ({"flash": True}, {}, False),
        ({"encoding": "ucs2"}, {"encoding": "ucs2"}, True),
        ({"x-c": "a", "x-d": "b"}, {"x-c": "a"}, False),
    ],
)
def test_by_fields_of_the_message(wanted: Any, given: Any, takes: bool) -> None:
    assert taken(route(fields=wanted), **given) is takes


def test_by_the_lane_that_a_message_goes_in() -> None:
    high = route(fields={"priority": "high"})
    assert taken(high, lane=Lane.HIGH)
    assert not taken(high, lane=Lane.NORMAL)


def test_all_conditions_must_hold_and_the_first_route_that_fits_takes() -> None:
    narrow = RouteConfig(name="n", links=("a",), to=("34",), from_=("ACME",))
    wide = RouteConfig(name="w", links=("a",), to=("34",))
    router = Router([narrow, wide], {})
    to = "+34600000001"
    assert router.choose(request(**{"from": "ACME"}), to, Lane.NORMAL) is narrow
    assert router.choose(request(**{"from": "OTHER"}), to, Lane.NORMAL) is wide
    assert router.choose(request(), "+351600000001", Lane.NORMAL) is None
