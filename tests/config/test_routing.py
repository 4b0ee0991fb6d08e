"""Routes in the configuration: what they become, and what is said of each mistake."""

from __future__ import annotations

from pathlib import Path

import pytest

from smppd.config import Config, RouteConfig, parse

LINKS = """
[link.a]
host = "a"
system_id = "a"
password_file = "a"
[link.b]
host = "b"
system_id = "b"
password_file = "b"
from = "ACME"
[link.ears]
host = "c"
system_id = "c"
password_file = "c"
bind = "receiver"
[link.latin]
host = "d"
system_id = "d"
password_file = "d"
split = "udh16"
on_unknown = "resend"
"""
FILE = Path("/etc/smppd/smppd.toml")


def routes(text: str) -> tuple[RouteConfig, ...]:
    found = parse((LINKS + text).encode(), FILE, {})
    assert isinstance(found, Config), [str(each) for each in found]
    return found.routing.routes


def mistakes(text: str) -> dict[str, str]:
    found = parse((LINKS + text).encode(), FILE, {})
    assert isinstance(found, list), found
    return {mistake.key: mistake.problem for mistake in found}


def test_a_route_with_everything() -> None:
    (route,) = routes(
        '[[routing.route]]\nname = "es"\nto = ["+34", "351"]\nfrom = ["ACME", "34600000001"]\n'
        'fields = { x-campaign = "spring", priority = "high", flash = true, x-n = 3 }\n'
        'links = ["b", "a"]\nweights = [3, 1]\nfailover_after = "500ms"\n'
    )
    assert route == RouteConfig(
        name="es",
        links=("b", "a"),
        to=("34", "351"),
        from_=("ACME", "34600000001"),
        fields={"x-campaign": "spring", "priority": "high", "flash": True, "x-n": 3},
        weights=(3, 1),
        failover_after=0.5,
    )
    assert route.fields == {"x-campaign": "spring", "priority": "high", "flash": True, "x-n": 3}


def test_a_route_needs_no_more_than_a_name_and_links() -> None:
    (route,) = routes('[[routing.route]]\nname = "all"\nlinks = ["b"]\n')
    assert route == RouteConfig(name="all", links=("b",), failover_after=10.0)


def test_without_routes_there_are_none() -> None:
    assert routes("") == routes("[routing]\nroute = []\n") == ()


@pytest.mark.parametrize(
    ("written", "key", "says"),
    [
        ('links = ["a", "c"]', "links", 'no link "c"; write names of [link.NAME]'),
        ('links = ["a", "lain"]', "links", 'did you mean "latin"?'),
        ('links = ["ears"]', "links", 'link "ears" only receives'),
        ('links = ["a", "a"]', "links", 'names "a" twice'),
        ("links = []", "links", "write links = [...], the best one first"),
        ("", "links", "is missing"),
        ('links = "a"', "links", 'is not a list; write links = ["a"]'),
        (
            'links = ["a", "latin"]',
            "links",
            'links "a" and "latin" differ in split, on_unknown, and a message is made once',
        ),
        ('links = ["a", "b"]\nweights = [1]', "weights", "has 1 for 2 links; write one for each"),
        ('links = ["a", "b"]\nweights = [0, 1]', "weights", "0 is no weight; write whole numbers"),
        ('links = ["a", "b"]\nweights = [1.5, 1]', "weights", "1.5 is no weight"),
        ('links = ["a"]\nto = ["34x"]', "to", '"34x" is no prefix; write the digits'),
        ('links = ["a"]\nto = [34]', "to", "34 is no prefix"),
        ('links = ["a"]\nto = []', "to", "is empty; leave it out to take everything"),
        ('links = ["a"]\nfrom = []', "from", "is empty; leave it out"),
        ('links = ["a"]\nfrom = ["a sender too long"]', "from", "is no sender"),
        ('links = ["a"]\nfields = { x = 1 }', "fields.x", "no field that a route can ask for"),
        ('links = ["a"]\nfields = { x-a = [1] }', "fields.x-a", "nothing to compare with"),
        ('links = ["a"]\nfields = "x"', "fields", "is not a section"),
        ('links = ["a"]\nwieghts = [1]', "wieghts", 'did you mean "weights"?'),
        ('links = ["a"]\nfailover_after = 0', "failover_after", 'write from "100ms" to "1d"'),
    ],
)
def test_a_mistake_in_a_route(written: str, key: str, says: str) -> None:
    found = mistakes(f'[[routing.route]]\nname = "es"\n{written}\n')
    assert list(found) == [f"routing.route.es.{key}"]
    assert says in found[f"routing.route.es.{key}"]


def test_a_route_without_a_good_name_is_told_by_its_number() -> None:
    ok = '[[routing.route]]\nname = "es"\nto = ["34"]\nlinks = ["a"]\n'
    found = mistakes(ok + '[[routing.route]]\nlinks = ["a"]\n')
    assert list(found) == ["routing.route.2.name"]
    assert "no name for a route" in mistakes(ok.replace("es", "e s"))["routing.route.1.name"]


def test_names_are_used_once_and_every_route_can_be_reached() -> None:
    one = '[[routing.route]]\nname = "{}"\n{}links = ["a"]\n'
    twice = mistakes(one.format("es", 'to = ["34"]\n') * 2)
    assert twice == {"routing.route.es.name": "is the name of two routes; rename one"}
    behind = mistakes(one.format("all", "") + one.format("es", 'to = ["34"]\n'))
    assert behind == {
        "routing.route.es": (
            "is never reached, because route all before it takes everything; put it before that one"
        )
    }


@pytest.mark.parametrize("written", ["[routing.route]\nname = 'x'\n", "routing.route = [1]\n"])
def test_routes_are_written_as_a_list(written: str) -> None:
    # A dotted key must stand before the sections.
    found = parse((written + LINKS).encode(), FILE, {})
    assert isinstance(found, list)
    assert found[0].key == "routing.route"
    assert "write [[routing.route]] on a line of its own" in found[0].problem


def test_an_unknown_key_of_the_section_is_refused() -> None:
    assert "did you mean" in mistakes("[routing]\nroutes = []\n")["routing.routes"]


def test_a_schedule_at_the_smsc_needs_a_time_on_the_wire() -> None:
    text = LINKS.replace('split = "udh16"', 'schedule = "smsc"\ntimes = "omit"')
    found = parse(text.encode(), FILE, {})
    assert isinstance(found, list)
    assert found[0].key == "link.latin.schedule"
    assert 'times = "omit" leaves the SMSC without the time' in found[0].problem
