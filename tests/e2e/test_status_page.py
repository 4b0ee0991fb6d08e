"""The status page of a daemon under traffic: in a real browser, and searched for what must not be in it."""

from __future__ import annotations

import http.client
import json
import socket
import threading
import time
from typing import TYPE_CHECKING, Any

import pytest

from tests.e2e.browser import needs_browser, pixels
from tests.e2e.tab import Tab
from tests.processes import simulator

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.e2e.conftest import Daemon, DaemonFactory, SmscFactory

SIMULATOR = simulator("--system-id=peer")
TEXT, NUMBER = "Xylophones at half price", "3460012{:04d}"
#: Of a light page, as its style has them.
BAD, GOOD = (0xFD, 0xEC, 0xEA), (0xE5, 0xF5, 0xEA)
#: A window on a desk, and on a phone: what is wrong must be seen without scrolling.
SIZES = {"desk": (1280, 720), "phone": (390, 700)}

LOST = """
[link.lost]
host = "127.0.0.1"
port = {port}
system_id = "lost"
password_file = "password"

[link.{long}]
host = "127.0.0.1"
port = {other}
bind = "transmitter"
system_id = "peer"
password_file = "password"
"""
#: As long as a link's name may be.
LONG = "MadridOrangeTransactionalPremium"


@pytest.fixture
def watched(
    smsc_factory: SmscFactory, daemon_factory: DaemonFactory
) -> Iterator[tuple[Daemon, int]]:
    """A daemon that sends, with a link whose SMSC nobody plays; and where its page is."""
    smsc = smsc_factory([*SIMULATOR, "--password=secret", "--receipt-delay=100ms"])
    ports = []
    for _ in range(2):
        with socket.create_server(("127.0.0.1", 0)) as free:
            ports.append(free.getsockname()[1])
    listen, nobody = ports
    daemon = daemon_factory(
        smsc.port,
        link={"rate": 40},
        observe={"listen": f"127.0.0.1:{listen}"},
        more=LOST.format(port=nobody, long=LONG, other=smsc.port),
    )
    daemon.start(bound=False)
    lines = [
        {"to": NUMBER.format(n), "text": f"{TEXT} {n}", "via": daemon.link} for n in range(1200)
    ]
    lines[7]["to"] = f"no-number-{NUMBER.format(7)}"
    daemon.submit(lines, f"<img src=x>vip-{NUMBER.format(1)}.jsonl", "bulk")
    daemon.submit(f"{NUMBER.format(2)};{TEXT}\n".encode() * 2, "headless.csv")
    daemon.wait(lambda: daemon.status().get("states", {}).get("delivered"), "traffic")
    daemon.wait(lambda: daemon.events("file_quarantined"), "a bad file")
    yield daemon, listen
    daemon.terminate()


def follow(port: int, wanted: int) -> str:
    """The stream until it has told so many times how it stands."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    connection.request("GET", "/events")
    answer, told = connection.getresponse(), ""
    assert answer.status == 200
    while told.count("event: now") < wanted or not told.endswith("\n\n"):
        told += answer.readline().decode()
    connection.close()
    return told


def fetch(port: int, path: str) -> str:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    connection.request("GET", path)
    answer = connection.getresponse()
    head = "".join(f"{name}: {value}\n" for name, value in answer.getheaders())
    text = head + answer.read().decode()
    connection.close()
    return text


def now(told: str) -> dict[str, Any]:
    """The last of what a stream told."""
    found: dict[str, Any] = json.loads(told.rpartition("event: now\ndata: ")[2])
    return found


def test_neither_text_nor_number_nor_password_is_in_it(watched: tuple[Daemon, int]) -> None:
    _, port = watched
    told = follow(port, 4)
    seen = now(told)
    assert seen["submitted"] > 0
    assert {link["name"]: link["gravity"] for link in seen["links"]}["lost"] == "bad"
    assert {each["event"] for each in seen["recent"]} >= {"link_lost", "file_quarantined"}
    [campaign] = seen["campaigns"]
    assert campaign["name"] == "<img src=x>vip-346….jsonl"
    assert campaign["total"] == 1200
    whole = told + "".join(fetch(port, path) for path in ("/", "/page.js", "/page.css"))
    for hidden in (TEXT, "Xylophones", NUMBER.format(1), "60012", "secret"):
        assert hidden not in whole
    assert "set-cookie" not in whole.lower()


def test_twenty_who_watch_cost_less_than_a_hundredth_of_a_core(
    watched: tuple[Daemon, int],
) -> None:
    daemon, port = watched
    assert daemon.program.process is not None
    stat = f"/proc/{daemon.program.process.pid}/stat"

    def spent() -> float:
        with open(stat) as file:  # noqa: PTH123 (a file of the kernel's)
            fields = file.read().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / 100

    def while_so_many_watch(count: int) -> float:
        """CPU seconds a second."""
        threads = [threading.Thread(target=follow, args=(port, 7)) for _ in range(count)]
        for thread in threads:
            thread.start()
        time.sleep(2)  # the burst of connections
        before, began = spent(), time.monotonic()
        for thread in threads:
            thread.join()
        time.sleep(max(0.0, 4 - (time.monotonic() - began)))
        return (spent() - before) / (time.monotonic() - began)

    daemon.command("pause", "--all")
    daemon.wait(lambda: not daemon.status()["states"]["sending"], "silence")
    alone = while_so_many_watch(0)
    watched_by = while_so_many_watch(20)
    assert watched_by - alone < 0.01


DRAWN = "document.querySelector('#main:not(.stale) figure')"


@needs_browser
@pytest.mark.parametrize("size", SIZES)
def test_a_browser_shows_first_what_is_wrong(
    watched: tuple[Daemon, int], size: str, tmp_path: Path
) -> None:
    _, port = watched
    width, height = SIZES[size]
    with Tab(tmp_path, width, height) as tab:
        tab.open(f"http://127.0.0.1:{port}/")
        tab.wait(DRAWN)
        assert tab.ask("document.title").startswith("1 thing is wrong")
        first = tab.ask("document.querySelector('#troubles li').innerText")
        assert first.startswith("link lost is not bound for")
        assert "refuses connections" in first
        assert tab.ask("document.querySelector('.cure').innerText")
        assert tab.ask("document.querySelectorAll('figure path').length") == 8
        assert "<img src=x>vip-346" in tab.ask("document.getElementById('campaigns').innerText")
        assert tab.ask("document.querySelector('img')") is None, "names are no markup"
        lowest = "document.querySelector('#troubles .cure').getBoundingClientRect().bottom"
        assert tab.ask(lowest) < height, "seen without scrolling"
        assert tab.ask("document.documentElement.scrollWidth") <= width
        assert LONG in tab.ask("document.getElementById('links').innerText")
        wide = "document.querySelector('.wide')"
        assert tab.ask(f"{wide}.scrollWidth - {wide}.clientWidth") == 0, "of a link all is seen"
        colours = pixels(tab.picture())
        assert colours[BAD] > 4 * width, "the verdict, from one side to the other"
        assert colours[GOOD] == 0
        before = tab.ask("document.getElementById('clock').textContent")
        tab.wait(f"document.getElementById('clock').textContent !== '{before}'")
        assert tab.said == [], "nothing that the policy forbids, no fault"


@needs_browser
def test_a_browser_is_told_that_all_is_well_that_the_daemon_is_gone_and_that_it_is_back(
    smsc_factory: SmscFactory, daemon_factory: DaemonFactory, tmp_path: Path
) -> None:
    smsc = smsc_factory([*SIMULATOR, "--password=secret"])
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    daemon = daemon_factory(smsc.port, observe={"listen": f"127.0.0.1:{port}"})
    daemon.start()
    with Tab(tmp_path, 800, 600) as tab:
        tab.open(f"http://127.0.0.1:{port}/")
        tab.wait(f"{DRAWN} && document.title === 'smppd'")
        assert tab.ask("document.getElementById('verdict').textContent") == "All is well"
        colours = pixels(tab.picture())
        assert colours[GOOD] > 4 * 800
        assert colours[BAD] == 0
        daemon.terminate()
        tab.wait("document.getElementById('verdict').textContent.startsWith('NO ANSWER since')")
        assert pixels(tab.picture())[BAD] > 4 * 800
        daemon.start()
        tab.wait("document.getElementById('verdict').textContent === 'All is well'")
    daemon.terminate()
