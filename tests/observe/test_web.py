from __future__ import annotations

import errno
import functools
from collections.abc import Callable
from dataclasses import dataclass

import h11
import pytest
import trio
import trio.testing
from hypothesis import given, settings
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry, Gauge
from prometheus_client.core import Metric
from prometheus_client.parser import text_string_to_metric_families

from smppd.observe import web

PATIENCE = 20.0


@dataclass
class Site:
    address: str
    registry: CollectorRegistry
    unready: list[str]

    @property
    def port(self) -> int:
        return int(self.address.rpartition(":")[2])

    async def connect(self) -> trio.SocketStream:
        return await trio.open_tcp_stream("127.0.0.1", self.port)

    async def exchange(self, request: bytes) -> tuple[int, dict[str, str], bytes]:
        """One request on a connection of its own; status, headers and body of the answer."""
        with trio.fail_after(PATIENCE):
            async with await self.connect() as stream:
                await stream.send_all(request)
                return await read_answer(stream, head=request.startswith(b"HEAD"))

    async def get(self, path: str, headers: str = "") -> tuple[int, dict[str, str], bytes]:
        return await self.exchange(
            f"GET {path} HTTP/1.1\r\nHost: localhost\r\n{headers}\r\n".encode()
        )


async def read_answer(
    stream: trio.abc.ReceiveStream, *, head: bool = False
) -> tuple[int, dict[str, str], bytes]:
    """Read with h11's other side, so that what it calls wrong is wrong."""
    http = h11.Connection(h11.CLIENT)
    http.send(h11.Request(method="HEAD" if head else "GET", target="/", headers=[("host", "a")]))
    http.send(h11.EndOfMessage())
    status, headers, body = 0, {}, b""
    while True:
        event = http.next_event()
        if event is h11.NEED_DATA:
            http.receive_data(bytes(await stream.receive_some(65536)))
        elif isinstance(event, h11.Response):
            status = event.status_code
            headers = {key.decode(): value.decode() for key, value in event.headers}
        elif isinstance(event, h11.Data):
            body += bytes(event.data)
        else:
            assert isinstance(event, h11.EndOfMessage)
            return status, headers, body


@pytest.fixture
async def site(nursery: trio.Nursery) -> Site:
    registry = CollectorRegistry()
    Gauge("smppd_open_files", "Files.", registry=registry).set(7)
    unready: list[str] = []
    serve = functools.partial(web.serve, "127.0.0.1:0", registry, lambda: unready)
    address: str = await nursery.start(serve)
    return Site(address, registry, unready)


async def test_a_scrape_is_prometheus_text(site: Site) -> None:
    status, headers, body = await site.get("/metrics")
    assert status == 200
    assert headers["content-type"].startswith("text/plain; version=0.0.4")
    [family] = text_string_to_metric_families(body.decode())
    assert [sample.value for sample in family.samples] == [7.0]


async def test_openmetrics_is_given_to_who_asks_for_it(site: Site) -> None:
    accept = "Accept: application/openmetrics-text;version=1.0.0,text/plain;q=0.5\r\n"
    _, headers, body = await site.get("/metrics", accept)
    assert headers["content-type"].startswith("application/openmetrics-text")
    assert body.endswith(b"# EOF\n")


async def test_alive_is_alive(site: Site) -> None:
    status, _, body = await site.get("/healthz")
    assert (status, body) == (200, b"ok\n")


async def test_ready_when_every_link_is_bound_and_else_says_which_is_not(site: Site) -> None:
    assert (await site.get("/readyz"))[0] == 200
    site.unready += ["main: bind refused, ESME_RINVPASWD", "backup: connecting"]
    status, _, body = await site.get("/readyz")
    assert status == 503
    assert body.decode().splitlines() == site.unready
    assert (await site.get("/healthz"))[0] == 200, "alive all the same"


async def test_another_path_is_told_what_there_is(site: Site) -> None:
    status, _, body = await site.get("/metric")
    assert status == 404
    assert b"/metrics" in body


@pytest.mark.parametrize(
    ("host", "answered"),
    [
        ("127.0.0.1:9775", True),
        ("localhost", True),
        ("LocalHost.:9775", True),
        ("[::1]:9775", True),
        ("192.0.2.1", True),
        ("evil.example", False),
        ("127.0.0.1.evil.example:9775", False),
        ("localhost.evil.example", False),
        ("[evil.example]", False),
        ("", False),
    ],
)
@pytest.mark.parametrize("path", ["/metrics", "/healthz", "/elsewhere"])
async def test_on_loopback_no_page_reads_it_under_a_name_of_its_own(
    site: Site, path: str, host: str, answered: bool
) -> None:
    status, _, body = await site.exchange(f"GET {path} HTTP/1.1\r\nHost: {host}\r\n\r\n".encode())
    assert (status == 403) is not answered
    assert answered or body.startswith(
        b"asked for under a name that is not this machine's: ask for"
    )


@pytest.mark.parametrize(
    ("site_of_page", "mode", "status"),
    [
        ("none", "navigate", 200),
        ("same-origin", "cors", 200),
        ("cross-site", "navigate", 200),
        ("cross-site", "no-cors", 403),
        ("cross-site", "cors", 403),
        ("same-site", "cors", 403),
    ],
)
async def test_a_page_of_elsewhere_takes_no_connection(
    site: Site, site_of_page: str, mode: str, status: int
) -> None:
    headers = f"Sec-Fetch-Site: {site_of_page}\r\nSec-Fetch-Mode: {mode}\r\n"
    assert (await site.get("/healthz", headers))[0] == status


async def test_what_all_may_reach_has_any_name(nursery: trio.Nursery) -> None:
    registry = CollectorRegistry()
    address: str = await nursery.start(functools.partial(web.serve, "0.0.0.0:0", registry, list))
    everywhere = Site(address, registry, [])
    status, _, _ = await everywhere.exchange(b"GET /healthz HTTP/1.1\r\nHost: sms-1.lan\r\n\r\n")
    assert status == 200


async def test_a_query_does_not_change_the_path(site: Site) -> None:
    assert (await site.get("/healthz?verbose=1"))[0] == 200


async def test_head_has_the_length_and_no_body(site: Site) -> None:
    status, headers, body = await site.exchange(
        b"HEAD /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n"
    )
    assert (status, headers["content-length"], body) == (200, "3", b"")


async def test_other_methods_are_refused(site: Site) -> None:
    status, headers, _ = await site.exchange(b"DELETE /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n")
    assert (status, headers["allow"]) == (405, "GET, HEAD")


async def test_a_request_with_a_body_is_refused_and_its_connection_ends(site: Site) -> None:
    request = b"GET /metrics HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5\r\n\r\nhello"
    status, headers, _ = await site.exchange(request)
    assert (status, headers["connection"]) == (413, "close")


async def test_an_offer_to_upgrade_is_passed_over(site: Site) -> None:
    offer = "Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AA\r\n"
    assert (await site.get("/healthz", offer))[0] == 200


async def test_a_connection_serves_many_requests_even_sent_at_once(site: Site) -> None:
    request = b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n"
    last = b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
    with trio.fail_after(PATIENCE):
        async with await site.connect() as stream:
            await stream.send_all(request)
            assert (await read_answer(stream))[0] == 200
            await stream.send_all(request * 2 + last)
            received = b""
            while octets := await stream.receive_some(65536):
                received += octets
    assert received.count(b"HTTP/1.1 200") == 3


async def test_an_http_1_0_client_is_served_and_hung_up_on(site: Site) -> None:
    with trio.fail_after(PATIENCE):
        async with await site.connect() as stream:
            await stream.send_all(b"GET /healthz HTTP/1.0\r\n\r\n")
            received = b""
            while octets := await stream.receive_some(65536):
                received += octets
    assert received.endswith(b"ok\n")


@pytest.mark.parametrize(
    "request_octets",
    [
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",  # TLS on a plain port
        b"GET /metrics HTTP/1.1\r\n\r\n",  # no Host
        b"rubbish\r\n\r\n",
        b"GET /metrics HTTP/1.1\r\nHost: localhost\r\nX: " + b"x" * (2 * web.MOST_HEAD_OCTETS),
    ],
)
async def test_rubbish_gets_an_error_and_the_next_client_is_served(
    site: Site, request_octets: bytes
) -> None:
    request_octets += b"\r\n" * 2
    status, _, _ = await site.exchange(request_octets)
    assert 400 <= status < 500
    assert (await site.get("/healthz"))[0] == 200


async def test_a_client_that_vanishes_leaves_the_server_standing(site: Site) -> None:
    for request in (b"", b"GET /met", b"GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n"):
        stream = await site.connect()
        await stream.send_all(request)
        await stream.aclose()
    assert (await site.get("/healthz"))[0] == 200


async def test_a_fault_in_a_scrape_is_told_and_stops_nothing(site: Site) -> None:
    class Broken:
        def collect(self) -> list[Metric]:
            raise LookupError("no such link")

    site.registry.register(Broken())
    status, _, body = await site.get("/metrics")
    assert status == 500
    assert b"LookupError" in body
    assert (await site.get("/healthz"))[0] == 200


async def test_connections_over_the_most_are_refused_until_one_ends(site: Site) -> None:
    request = b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n"
    with trio.fail_after(PATIENCE):
        streams = [await site.connect() for _ in range(web.MOST_CONNECTIONS)]
        for stream in streams:  # an answer says that its connection is counted
            await stream.send_all(request)
            assert (await read_answer(stream))[0] == 200
        assert (await site.get("/healthz"))[0] == 503
        await streams.pop().aclose()
        while (await site.get("/healthz"))[0] == 503:
            await trio.lowlevel.checkpoint()
        for stream in streams:
            await stream.aclose()


async def converse(
    send: Callable[[trio.abc.HalfCloseableStream], object], registry: CollectorRegistry
) -> tuple[float, bytes]:
    """Serve one connection in memory; when it ended, and what was answered."""
    ours, theirs = trio.testing.memory_stream_pair()
    received = b""
    started = trio.current_time()

    async def client() -> None:
        nonlocal received
        await send(theirs)  # type: ignore[misc]
        while octets := await theirs.receive_some(65536):
            received += octets

    with trio.fail_after(10 * web.TIMEOUT):
        async with trio.open_nursery() as nursery:
            nursery.start_soon(client)
            answer = web._answers(registry, list)
            await web._admit(ours, trio.CapacityLimiter(1), answer)
    return trio.current_time() - started, received


async def test_a_head_that_does_not_come_to_an_end_is_not_waited_for(
    autojump_clock: trio.testing.MockClock,
) -> None:
    async def drip(stream: trio.abc.SendStream) -> None:
        for octet in b"GET /metrics HTTP/1.1\r\nX: ":
            await trio.sleep(1.0)
            try:
                await stream.send_all(bytes([octet]))
            except trio.BrokenResourceError:
                return

    lasted, received = await converse(drip, CollectorRegistry())
    assert web.TIMEOUT <= lasted <= web.TIMEOUT + web.LINGER + 26.0
    assert received == b""


async def test_a_silent_connection_ends(autojump_clock: trio.testing.MockClock) -> None:
    async def nothing(_stream: trio.abc.SendStream) -> None:
        pass

    lasted, _ = await converse(nothing, CollectorRegistry())
    assert lasted == pytest.approx(web.TIMEOUT + web.LINGER, abs=0.1)


async def test_a_client_that_does_not_read_is_given_up(
    autojump_clock: trio.testing.MockClock,
) -> None:
    async def never() -> None:
        await trio.sleep_forever()

    ours, theirs = trio.testing.memory_stream_pair()
    ours.send_stream.send_all_hook = never
    await theirs.send_all(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n")
    await web._admit(ours, trio.CapacityLimiter(1), web._answers(CollectorRegistry(), list))
    assert trio.current_time() == pytest.approx(web.TIMEOUT, abs=0.1)


_PIECES = st.sampled_from(
    [
        b"GET ",
        b"CONNECT ",
        b"HEAD /healthz HTTP/1.0\r\n",
        b"/metrics",
        b" HTTP/1.1\r\n",
        b"Host: a\r\n",
        b"Content-Length: 3\r\n",
        b"Transfer-Encoding: chunked\r\n",
        b"Expect: 100-continue\r\n",
        b"Upgrade: x\r\nConnection: upgrade\r\n",
        b"\r\n",
        b"0\r\n\r\n",
        b"\x00\xff",
        b" ",
    ]
)


@settings(max_examples=150, deadline=None)
@given(st.lists(_PIECES | st.binary(max_size=8), max_size=12).map(b"".join))
def test_no_octets_at_all_bring_the_server_down(octets: bytes) -> None:
    async def send(stream: trio.abc.HalfCloseableStream) -> None:
        await stream.send_all(octets)
        await stream.send_eof()

    async def main() -> None:
        with trio.fail_after(2 * web.TIMEOUT + web.LINGER):
            await converse(send, CollectorRegistry())

    trio.run(main, clock=trio.testing.MockClock(autojump_threshold=0))


async def test_a_port_in_use_says_so(site: Site) -> None:
    with pytest.raises(OSError, match="in use") as failure, trio.fail_after(PATIENCE):
        await web.serve(site.address, site.registry, list)
    assert failure.value.errno == errno.EADDRINUSE


@pytest.mark.parametrize(
    ("listen", "parts"),
    [
        ("127.0.0.1:9775", ("127.0.0.1", 9775)),
        ("localhost:0", ("localhost", 0)),
        ("[::1]:9775", ("::1", 9775)),
        (":9775", (None, 9775)),
    ],
)
def test_addresses_are_read(listen: str, parts: tuple[str | None, int]) -> None:
    assert web.split_address(listen) == parts


@pytest.mark.parametrize("listen", ["", "localhost", "a:", "a:http", "a:65536", "a:-1", "a:٣"])
def test_what_is_no_address_is_refused(listen: str) -> None:
    with pytest.raises(ValueError, match="HOST:PORT"):
        web.split_address(listen)
