"""Webhooks against a server on loopback that does whatever servers do."""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import h11
import pytest
import trio

from smppd.config import WebhookConfig, account_tls
from smppd.exchange import Exchange, Limits
from smppd.outlets.happenings import Happening
from smppd.outlets.webhook import Posting, Webhook, judged, signed
from tests.outlets.rig import EPOCH, Rig

SECRET = "hush"
Serve = Callable[[trio.SocketStream], Awaitable[None]]


def happening(seq: int) -> Happening:
    return Happening(seq, 0, "sent", seq, EPOCH, json.dumps({"seq": seq}).encode())


LOT = [happening(1), happening(2)]


class Server:
    """Answers with each status in turn, then 200. `requests` are headers and body of each."""

    def __init__(self) -> None:
        self.statuses: list[int] = []
        self.headers: list[tuple[str, str]] = []
        self.requests: list[tuple[dict[str, str], bytes]] = []
        self.fifth = trio.Event()

    async def __call__(self, stream: trio.SocketStream) -> None:
        connection = h11.Connection(h11.SERVER)
        while True:
            headers, body = dict[str, str](), b""
            while True:
                event = connection.next_event()
                if event is h11.NEED_DATA:
                    connection.receive_data(await stream.receive_some(65_536))
                elif isinstance(event, h11.Request):
                    headers = {name.decode(): value.decode() for name, value in event.headers}
                elif isinstance(event, h11.Data):
                    body += bytes(event.data)
                elif isinstance(event, h11.EndOfMessage):
                    break
                else:
                    return
            self.requests.append((headers, body))
            status = self.statuses.pop(0) if self.statuses else 200
            answer = h11.Response(
                status_code=status, headers=[*self.headers, ("Content-Length", "0")]
            )
            await stream.send_all(connection.send(answer) or b"")
            await stream.send_all(connection.send(h11.EndOfMessage()) or b"")
            connection.start_next_cycle()
            if len(self.requests) == 5:
                self.fifth.set()


@asynccontextmanager
async def serving(serve: Serve, **keys: Any) -> AsyncIterator[Webhook]:
    """A webhook, and what serves it."""
    async with trio.open_nursery() as nursery:
        (listener,) = await trio.open_tcp_listeners(0, host="127.0.0.1")
        nursery.start_soon(trio.serve_listeners, serve, [listener])
        port = listener.socket.getsockname()[1]
        config = WebhookConfig(name="shop", url=f"http://127.0.0.1:{port}/x", **keys)
        exchange = Exchange(
            Limits(config.timeout, 1), lambda: account_tls(config), url="the url of [webhook.shop]"
        )
        yield Webhook(Posting(config.url, SECRET, exchange, config.batch), lambda: EPOCH)
        await exchange.aclose()
        nursery.cancel_scope.cancel()


async def test_a_lot_is_posted_and_signed() -> None:
    server = Server()
    async with serving(server) as webhook:
        assert await webhook.deliver(LOT) is None
    ((headers, body),) = server.requests
    assert json.loads(body) == {"events": [{"seq": 1}, {"seq": 2}]}
    expected = hmac.new(b"hush", f"{int(EPOCH)}.".encode() + body, hashlib.sha256).hexdigest()
    assert headers["x-smppd-signature"] == f"v1={expected}"
    assert headers["x-smppd-timestamp"] == str(int(EPOCH))
    assert headers["content-type"] == "application/json"


def test_the_signature_never_changes() -> None:
    """What a consumer has written to check it with goes on working."""
    assert signed(b"hush", 1_800_000_000, b'{"events":[]}') == {
        "Content-Type": "application/json",
        "X-Smppd-Timestamp": "1800000000",
        "X-Smppd-Signature": "v1="
        + hmac.new(b"hush", b'1800000000.{"events":[]}', "sha256").hexdigest(),
        "X-Smppd-Delivery": hashlib.sha256(b'{"events":[]}').hexdigest()[:32],
    }


async def test_the_same_lot_has_the_same_delivery_and_another_has_not() -> None:
    server = Server()
    server.statuses = [503]
    async with serving(server) as webhook:
        assert await webhook.deliver(LOT) is not None
        assert await webhook.deliver(LOT) is None
        assert await webhook.deliver(LOT[:1]) is None
    first, second, third = (headers["x-smppd-delivery"] for headers, _ in server.requests)
    assert first == second != third


@pytest.mark.parametrize(
    ("status", "refused", "divisible"),
    [
        (500, False, False),
        (503, False, False),
        (429, False, False),
        (408, False, False),
        (302, False, False),
        (404, True, False),
        (401, True, False),
        (410, True, False),
        (400, True, True),
        (413, True, True),
        (422, True, True),
        (799, False, False),
    ],
)
def test_what_a_status_says(status: int, refused: bool, divisible: bool) -> None:
    trouble = judged(status)
    assert trouble is not None
    assert (trouble.refused, trouble.divisible) == (refused, divisible)
    assert f"HTTP {status}" in trouble.reason


def test_any_2xx_takes_it() -> None:
    assert [judged(status) for status in (200, 201, 202, 204)] == [None] * 4


async def test_a_redirect_is_not_followed_and_says_so() -> None:
    server = Server()
    server.statuses, server.headers = [307], [("Location", "http://127.0.0.1:1/elsewhere")]
    async with serving(server) as webhook:
        trouble = await webhook.deliver(LOT)
    assert trouble is not None
    assert "HTTP 307 Temporary Redirect: it redirects, which is not followed" in trouble.reason
    assert len(server.requests) == 1


async def test_no_proxy_of_the_environment_is_used(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    server = Server()
    async with serving(server) as webhook:
        assert await webhook.deliver(LOT) is None


async def test_a_server_that_hangs_is_left_in_time() -> None:
    async def hang(stream: trio.SocketStream) -> None:
        await trio.sleep_forever()

    async with serving(hang, timeout=0.2) as webhook:
        with trio.fail_after(5):
            trouble = await webhook.deliver(LOT)
    assert trouble is not None
    assert "no answer within 0.2 s" in trouble.reason


async def test_an_answer_without_end_is_left_in_time() -> None:
    async def pour(stream: trio.SocketStream) -> None:
        await stream.receive_some(65_536)
        await stream.send_all(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
        try:
            while True:
                await stream.send_all(b"4000\r\n" + b"x" * 0x4000 + b"\r\n")
        except trio.BrokenResourceError:
            return

    async with serving(pour, timeout=0.5) as webhook:
        with trio.fail_after(10):
            assert await webhook.deliver(LOT) is not None


@pytest.mark.parametrize("answer", [b"garbage\r\n\r\n", b"", b"HTTP/1.1 2", b"\x00" * 1000])
async def test_garbage_is_no_answer(answer: bytes) -> None:
    async def serve(stream: trio.SocketStream) -> None:
        await stream.receive_some(65_536)
        await stream.send_all(answer)

    async with serving(serve, timeout=5) as webhook:
        trouble = await webhook.deliver(LOT)
    assert trouble is not None
    assert not trouble.refused


async def test_nobody_there_names_the_section_and_never_the_secret() -> None:
    config = WebhookConfig(name="shop", url="http://127.0.0.1:1/x")
    exchange = Exchange(
        Limits(1.0, 1), lambda: account_tls(config), url="the url of [webhook.shop]"
    )
    trouble = await Webhook(Posting(config.url, SECRET, exchange, 10), lambda: EPOCH).deliver(LOT)
    assert trouble is not None
    assert trouble.reason == (
        "cannot connect (Connection refused): check the url of [webhook.shop], and the way there"
    )


async def test_from_the_log_to_the_server_with_a_failure_between(rig: Rig) -> None:
    server = Server()
    server.statuses = [500, 500]
    async with serving(server, batch=3) as webhook, trio.open_nursery() as nursery:
        await nursery.start(rig.journal.run)
        nursery.start_soon(rig.outlet(webhook, retry_min=0.01).run)
        await rig.letters(7)
        with trio.fail_after(10):
            await server.fifth.wait()
        nursery.cancel_scope.cancel()
    taken = [json.loads(body)["events"] for _, body in server.requests[2:]]
    assert [each["seq"] for lot in taken for each in lot] == list(range(1, 8))
