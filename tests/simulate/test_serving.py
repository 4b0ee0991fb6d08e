"""The simulated provider over HTTP: real sockets, TLS, a process of its own, and rude clients."""

from __future__ import annotations

import re
import signal
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx2
import msgspec
import pytest
import trio
import trio.testing
from hypothesis import given, settings
from hypothesis import strategies as st

from smppd.simulate.common import Common
from smppd.simulate.provider.core import Provider
from smppd.simulate.provider.serving import HttpServer
from smppd.simulate.reading import make_script
from smppd.simulate.tally import Summary
from tests.processes import finish, smppd

if TYPE_CHECKING:
    from tests.certificates import Authority

CALL = {"class": "sms", "method": "sendsms", "user": "a", "password": "b", "from": "A", "to": "34"}


def server_of(**http: Any) -> HttpServer:
    script = make_script({"http": {"listen": "127.0.0.1:0", "balance": 1e6, **http}}, "test")
    return HttpServer(script.http, Provider(script, Common(script)))


@asynccontextmanager
async def serving(**http: Any) -> AsyncIterator[HttpServer]:
    server = server_of(**http)
    with trio.fail_after(30):
        async with trio.open_nursery() as nursery:
            url = await nursery.start(server.serve)
            assert url == server.url
            yield server
            nursery.cancel_scope.cancel()


async def test_a_hundred_clients_at_once_each_on_a_connection_that_stays() -> None:
    async with serving(fault=[{"what": "delay", "seconds": 0.2, "every": 10}]) as server:
        limits = httpx2.Limits(max_connections=100, max_keepalive_connections=100)
        async with httpx2.AsyncClient(limits=limits, timeout=20) as client:
            ids: list[str] = []

            async def call(n: int) -> None:
                for turn in range(5):
                    answer = await client.post(server.url, data={**CALL, "sms": f"{n} {turn}"})
                    ids.append(answer.json()["result"]["messageid"])

            async with trio.open_nursery() as nursery:
                for n in range(100):
                    nursery.start_soon(call, n)
    assert len(set(ids)) == 500
    assert server.provider.tally.calls["sms.sendsms"].done == 500
    assert len(server.provider.tally.messages) == 500


FAULTS = {
    "lost": httpx2.RemoteProtocolError,
    "cut": httpx2.RemoteProtocolError,
    "hang": httpx2.ReadTimeout,
}


@pytest.mark.parametrize("what", FAULTS)
async def test_an_answer_that_does_not_come_or_not_whole(what: str) -> None:
    async with serving(fault=[{"what": what, "times": 1}]) as server:
        async with httpx2.AsyncClient(timeout=0.5) as client:
            with pytest.raises(FAULTS[what]):
                await client.post(server.url, data={**CALL, "sms": "x"})
            answer = await client.post(server.url, data={**CALL, "sms": "x"})
    assert answer.json()["status"] == "SUCCESS"
    assert server.provider.tally.messages == {("34", b"x"): 2}


async def test_a_slow_body_is_whole_in_the_end() -> None:
    async with serving(fault=[{"what": "slow", "seconds": 0.1}]) as server:
        async with httpx2.AsyncClient() as client:
            for _ in range(2):
                began = trio.current_time()
                answer = await client.post(server.url, data={**CALL, "sms": "x"})
                assert answer.json()["status"] == "SUCCESS"
                assert trio.current_time() - began > 0.09


async def test_a_long_body_is_waited_for_and_a_longer_one_refused(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("smppd.simulate.provider.serving.MOST_BODY_OCTETS", 2_000_000)
    contacts = msgspec.json.encode([{"mobile": f"6{n:08d}"} for n in range(10_000)]).decode()
    call = {**CALL, "class": "group", "method": "addcontactlist", "idgroup": "7"}
    async with serving(group=[{"id": "7"}]) as server, httpx2.AsyncClient() as client:
        headers = {"expect": "100-continue"}
        form = {**call, "contacts": contacts}
        answer = await client.post(server.url, data=form, headers=headers)
        assert answer.json()["status"] == "SUCCESS"
        answer = await client.post(server.url, files={k: (None, v) for k, v in form.items()})
        assert answer.json()["status"] == "SUCCESS"
        found = await client.post(server.url, data={**call, "method": "getcontacts"})
        assert len(found.json()["result"]) == 10_000
        answer = await client.post(server.url, content=b"x" * 2_000_001)
        assert answer.status_code == 413


async def test_tls(authority: Authority) -> None:
    pem = authority.issue("127.0.0.1")
    ours = ssl.create_default_context(cafile=authority.file)
    async with serving(cert=str(pem.cert), key=str(pem.key)) as server:
        assert server.url.startswith("https://")
        async with httpx2.AsyncClient(verify=ours) as client:
            answer = await client.post(server.url, data={**CALL, "sms": "x"})
            assert answer.json()["status"] == "SUCCESS"
        async with httpx2.AsyncClient() as stranger:
            with pytest.raises(httpx2.ConnectError):
                await stranger.post(server.url, data=CALL)
        with pytest.raises(httpx2.RemoteProtocolError):
            await httpx2.AsyncClient().get(server.url.replace("https", "http"))
        async with httpx2.AsyncClient(verify=ours) as client:
            assert (await client.get(server.url)).status_code == 200


async def test_what_cannot_be_listened_with_is_an_oserror(authority: Authority) -> None:
    for told in ({"cert": "/nowhere.pem"}, {"cert": str(authority.file)}):
        with pytest.raises(OSError, match=r"TLS with .*pem"):
            await server_of(**told).listen()
    async with serving() as server:
        port = int(server.url.split(":")[2].split("/")[0])
        with pytest.raises(OSError, match="in use"):
            await server_of(listen=f"127.0.0.1:{port}").listen()


# ── rude clients ─────────────────────────────────────────────────────────────────────────────

GOOD = b"GET /?class=user&method=getbalance&user=a&password=b HTTP/1.1\r\nhost: x\r\n\r\n"


async def answers_to(octets: bytes) -> bytes:
    """All that comes back when a client says this and no more."""
    client, server_side = trio.testing.memory_stream_pair()
    with trio.fail_after(5):
        async with trio.open_nursery() as nursery:
            nursery.start_soon(server_of().serve_stream, server_side)
            await client.send_all(octets)
            await client.send_eof()
            return b"".join([bytes(each) async for each in client])


@pytest.mark.parametrize(
    ("octets", "status"),
    [
        (b"\x16\x03\x01\x02\0\x01\0\x01\xfc\x03\x03\r\n\r\n", b"HTTP/1.1 400"),
        (b"POST / HTTP/1.1\r\nhost: x\r\ncontent-length: -1\r\n\r\n", b"HTTP/1.1 400"),
        (b"GET /" + b"x" * 100_000, b"HTTP/1.1 431"),
        (b"POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 9\r\n\r\nxxx", b"HTTP/1.1 400"),
        (b"HEAD / HTTP/1.1\r\nhost: x\r\n\r\n", b"HTTP/1.1 405"),
        (b"CONNECT a:1 HTTP/1.1\r\nhost: x\r\n\r\n", b"HTTP/1.1 405"),
        (b"", b""),
        (b"GET / HT", b"HTTP/1.1 400"),
    ],
)
async def test_what_is_no_request_is_told_so(octets: bytes, status: bytes) -> None:
    assert (await answers_to(octets))[: len(status) or 1] == status


async def test_requests_in_one_breath_are_answered_in_order() -> None:
    chunked = (
        b"POST / HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n"
        b"content-type: application/x-www-form-urlencoded\r\n\r\n"
        b"9\r\nclass=sms\r\n2\r\n&u\r\n0\r\n\r\n"
    )
    answers = await answers_to(GOOD + chunked + GOOD)
    assert re.findall(rb'"(?:result|error)":"(\w+)"', answers) == [
        b"1000000",
        b"MISSING_USER",
        b"1000000",
    ]


@settings(max_examples=200, deadline=None)
@given(st.lists(st.sampled_from([GOOD, GOOD[:40], b"\r\n\r\n", b"\0\xff", b"POST ", b"%"])))
def test_nothing_that_a_client_says_raises(pieces: list[bytes]) -> None:
    trio.run(answers_to, b"".join(pieces))


async def test_a_client_that_leaves_or_does_not_read_hurts_nobody() -> None:
    async with serving(fault=[{"what": "slow", "seconds": 60, "op": "sms.*"}]) as server:
        port = int(server.url.split(":")[2].split("/")[0])
        body = b"class=sms&method=sendsms&user=a&password=b&from=A&to=34&sms=x"
        head = b"POST / HTTP/1.1\r\nhost: x\r\ncontent-length: %d\r\n\r\n" % len(body)
        for _ in range(20):
            stream = await trio.open_tcp_stream("127.0.0.1", port)
            await stream.send_all(head + body)
            await stream.aclose()
        async with httpx2.AsyncClient() as client:
            params = {"class": "user", "method": "getbalance", "user": "a", "password": "b"}
            answer = await client.get(server.url, params=params)
        assert answer.json()["status"] == "SUCCESS"


# ── as a process ─────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("end", [signal.SIGINT, signal.SIGTERM])
def test_as_a_process_it_prints_its_url_and_ends_without_a_word(
    tmp_path: Path, end: signal.Signals
) -> None:
    tally = tmp_path / "tally.json"
    faults = ("--http-user=a", "--http-fault=what=hang,op=sms.*")
    with smppd("simulate", "--listen=127.0.0.1:0", f"--tally-file={tally}", *faults) as process:
        assert process.stdout is not None
        assert process.stdout.readline().startswith("listening on 127.0.0.1:")
        said = process.stdout.readline()
        found = re.fullmatch(r"HTTP APIs: (http://127\.0\.0\.1:\d+)/api/http/ and (.*)\n", said)
        assert found is not None
        assert found[2] == f"{found[1]}/api/contact/"
        with httpx2.Client(timeout=0.3) as client:
            with pytest.raises(httpx2.ReadTimeout):
                client.post(found[1] + "/api/http/", data={**CALL, "sms": "x"})
            answer = client.post(f"{found[1]}/", data={**CALL, "user": "b", "method": "x"})
            assert answer.json() == {"status": "ERROR", "error": "INCORRECT_USER_PASSWORD"}
            headers = {"authorization": "Bearer x"}
            person = {"group_id": 1, "phone_number": "1"}
            answer = client.post(found[2] + "new", json=person, headers=headers)
            assert answer.json() == {"status": "success", "result": {"id": 1}}
            process.send_signal(end)
            assert finish(process) == (0, "", "")
    seen = msgspec.json.decode(tally.read_bytes(), type=Summary)
    assert seen.calls["sms.sendsms"].done == 1
    assert seen.calls["sms.sendsms"].faults == {"hang": 1}
    assert seen.messages == {"34 78": 1}


def test_no_address_serves_no_http() -> None:
    with smppd("simulate", "--listen=127.0.0.1:0", "--http-listen=") as process:
        assert process.stdout is not None
        assert process.stdout.readline().startswith("listening on")
        process.terminate()
        assert finish(process) == (0, "", "")
