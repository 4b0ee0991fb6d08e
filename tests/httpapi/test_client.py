"""The client of the first API against raw octets: what leaves, and what comes of anything."""

from __future__ import annotations

import base64
import gzip
import logging
import socket
import ssl
import threading
import zlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl

import httpx2
import pytest
import trio
from trio.testing import wait_all_tasks_blocked

from smppd.app.surroundings import Surroundings
from smppd.config.accounts import HttpConfig
from smppd.exchange import ANSWER_LIMIT
from smppd.httpapi.client import ProviderClient
from smppd.provider.answers import Answer, Failure, NoAnswer, Success
from smppd.provider.catalogue import OPERATIONS
from tests.httpapi.wire import End, Say, Server, ok, serving

if TYPE_CHECKING:
    from tests.certificates import Authority

USER, PASSWORD = "acme@example.net", "hunter2+&=ñ"
SEND = OPERATIONS["sms.sendsms"]
PARAMS = {"from": "ACME", "to": "34600000001", "sms": "1 + 1 = 2 & ñ 漢 😀 %2B\n"}


def config(url: str, **changed: Any) -> HttpConfig:
    return replace(HttpConfig(name="main", url=url, user=USER, timeout=5.0), **changed)


@asynccontextmanager
async def client(url: str, **changed: Any) -> AsyncIterator[ProviderClient]:
    made = ProviderClient(config(url, **changed), PASSWORD)
    try:
        yield made
    finally:
        await made.aclose()


async def answered(server: Server, **changed: Any) -> Answer:
    async with client(server.url, **changed) as made:
        return await made.call(SEND, PARAMS)


def sent(answer: Answer) -> bool:
    assert isinstance(answer, NoAnswer), answer
    for secret in ("hunter2", USER):
        assert secret not in answer.reason
    return answer.sent


class TestWhatLeaves:
    async def test_is_one_form(self) -> None:
        async with serving() as server:
            assert await answered(server) == Success(b"null")

        [request] = server.requests
        head, _, body = request.partition(b"\r\n\r\n")
        lines = head.decode().split("\r\n")
        assert lines[0] == "POST /api/http/ HTTP/1.1"
        assert "content-type: application/x-www-form-urlencoded" in [x.lower() for x in lines]
        assert body.startswith(
            b"class=sms&method=sendsms&user=acme%40example.net&password=hunter2%2B%26%3D%C3%B1&"
        )
        assert b"sms=1+%2B+1+%3D+2+%26+%C3%B1+" in body
        assert parse_qsl(body.decode(), strict_parsing=True) == [
            ("class", "sms"),
            ("method", "sendsms"),
            ("user", USER),
            ("password", PASSWORD),
            *PARAMS.items(),
        ]
        assert "hunter2" not in head.decode()
        assert "authorization" not in head.decode().lower()

    async def test_has_basic_credentials_in_place_of_those_of_the_form(self) -> None:
        async with serving() as server:
            assert await answered(server, auth="basic") == Success(b"null")

        [request] = server.requests
        head, _, body = request.partition(b"\r\n\r\n")
        pair = base64.b64encode(f"{USER}:{PASSWORD}".encode())
        assert b"\r\nAuthorization: Basic " + pair + b"\r\n" in head
        assert [name for name, _ in parse_qsl(body.decode())] == [
            "class",
            "method",
            "from",
            "to",
            "sms",
        ]

    async def test_no_parameter_takes_the_place_of_what_the_client_adds(self) -> None:
        async with serving() as server, client(server.url) as made:
            await made.call(SEND, {**PARAMS, "method": "deletegroup", "user": "other"})

        fields = parse_qsl(server.requests[0].partition(b"\r\n\r\n")[2].decode())
        assert [value for name, value in fields if name in ("method", "user")] == ["sendsms", USER]

    async def test_no_cookie_comes_back(self) -> None:
        cookie = ok().replace(b"\r\n", b"\r\nSet-Cookie: session=abc; Path=/\r\n", 1)
        async with serving(Say(cookie)) as server, client(server.url) as made:
            for _ in range(2):
                assert await made.call(SEND, PARAMS) == Success(b"null")

        assert b"cookie" not in server.requests[1].lower()

    async def test_this_machines_environment_has_no_say(
        self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
    ) -> None:
        netrc = tmp_path / "netrc"
        netrc.write_text("machine 127.0.0.1 login other password opensesame\n")
        monkeypatch.setenv("NETRC", str(netrc))
        async with serving() as proxy, serving() as server:
            for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
                monkeypatch.setenv(name, f"http://127.0.0.1:{proxy.port}")
            assert await answered(server) == Success(b"null")

        assert proxy.connections == 0
        assert b"authorization" not in server.requests[0].lower()

    async def test_goes_to_no_provider_but_its_own(self) -> None:
        async with serving() as server, client(server.url) as made:
            with pytest.raises(ValueError, match="not of this API"):
                await made.call(OPERATIONS["contacts.delete"], {"id": 1})
        assert server.connections == 0

    @pytest.mark.parametrize(
        "url",
        [
            "http://api.example.net/api/http/",
            "ftp://api.example.net/",
            "https://",
            "nonsense",
            f"https://{USER.replace('@', '%40')}:hunter2@api.example.net/",
            "https://api.example.net/?password=hunter2",
        ],
    )
    def test_never_leaves_in_clear(self, url: str) -> None:
        with pytest.raises(ValueError, match="the account's url") as caught:
            ProviderClient(config(url), PASSWORD)
        assert "hunter2" not in str(caught.value)

    def test_leaves_in_clear_where_that_is_asked_for(self) -> None:
        ProviderClient(config("http://api.example.net/", insecure_http=True), PASSWORD)


class TestConnections:
    async def test_are_used_again(self) -> None:
        async with serving() as server, client(server.url) as made:
            for _ in range(3):
                assert await made.call(SEND, PARAMS) == Success(b"null")

        assert (server.connections, len(server.requests)) == (1, 3)

    async def test_that_the_server_closed_while_idle_are_not(self) -> None:
        async with serving(Say(ok(), End.CLOSE)) as server, client(server.url) as made:
            for _ in range(3):
                assert await made.call(SEND, PARAMS) == Success(b"null")
                await wait_all_tasks_blocked()

        assert (server.connections, len(server.requests)) == (3, 3)

    @pytest.mark.parametrize("end", [End.CLOSE, End.RESET])
    async def test_that_end_under_a_request_end_it(self, end: End) -> None:
        async with serving(Say(ok()), Say(b"", end), Say(ok())) as server:
            async with client(server.url) as made:
                assert await made.call(SEND, PARAMS) == Success(b"null")
                lost = await made.call(SEND, PARAMS)
                await wait_all_tasks_blocked()
                assert len(server.requests) == 2
                assert await made.call(SEND, PARAMS) == Success(b"null")

        assert sent(lost)
        assert len(server.requests) == 3

    async def test_are_no_more_than_the_account_may_have(self) -> None:
        async with serving(Say(ok(), every=0.0005)) as server:
            async with client(server.url, connections=2) as made, trio.open_nursery() as nursery:
                for _ in range(8):
                    nursery.start_soon(made.call, SEND, PARAMS)

        assert len(server.requests) == 8
        assert server.most_at_once == 2
        assert server.connections == 2

    async def test_of_a_call_that_is_given_up_are_closed(self) -> None:
        async with serving(Say(end=End.HANG), Say(ok())) as server, client(server.url) as made:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(made.call, SEND, PARAMS)
                await server.came(1)
                nursery.cancel_scope.cancel()
            assert await made.call(SEND, PARAMS) == Success(b"null")

        assert server.connections == 2


@pytest.mark.parametrize("coding", ["gzip", "x-gzip", "deflate"])
async def test_an_answer_may_be_compressed_although_nobody_asked(coding: str) -> None:
    plain = b'{"status":"success","result":{"messageid":"7"}}'
    body = zlib.compress(plain) if coding == "deflate" else gzip.compress(plain)
    reply = ok(body).replace(b"\r\n", f"\r\nContent-Encoding: {coding}\r\n".encode(), 1)
    async with serving(Say(reply)) as server:
        assert await answered(server) == Success(b'{"messageid":"7"}')

    assert b"accept-encoding: identity" in server.requests[0].lower()


class TestNothingLeft:
    async def test_when_nobody_listens(self) -> None:
        async with serving() as server:
            url = server.url
        async with client(url) as made:
            answer = await made.call(SEND, PARAMS)

        assert not sent(answer)
        assert "cannot connect (Connection refused): check the account's url" in str(answer)

    async def test_when_the_host_has_no_address(self) -> None:
        class Nowhere(trio.abc.HostnameResolver):
            async def getaddrinfo(self, *_: Any) -> Any:
                raise trio.socket.gaierror(-2, "Name or service not known")

            async def getnameinfo(self, *_: Any) -> Any:
                raise NotImplementedError

        trio.socket.set_custom_hostname_resolver(Nowhere())
        async with client("https://api.example.net/") as made:
            answer = await made.call(SEND, PARAMS)

        assert not sent(answer)
        assert "has no address (Name or service not known)" in str(answer)

    async def test_when_the_certificate_is_not_trusted(
        self, authority: Authority, tmp_path: Path
    ) -> None:
        from tests.certificates import Authority as Made  # noqa: PLC0415 - needs trustme

        other = Made(tmp_path / "other")
        async with serving(context=_context(authority)) as server:
            answer = await answered_securely(server, tls_ca_file=other.file)

        assert not sent(answer)
        assert "set tls_ca_file" in str(answer)
        assert server.requests == []

    async def test_when_the_certificate_is_anothers(self, authority: Authority) -> None:
        async with serving(context=_context(authority, "api.example.net")) as server:
            answer = await answered_securely(server, tls_ca_file=authority.file)

        assert not sent(answer)
        assert "certificate" in str(answer)
        assert server.requests == []

    @pytest.mark.parametrize(
        ("says", "why"),
        [(b"HTTP/1.1 400 Bad Request\r\n\r\n", "TLS failed"), (b"", "no connection in time")],
    )
    async def test_when_the_server_speaks_no_tls(self, says: bytes, why: str) -> None:
        async def handle(stream: trio.SocketStream) -> None:
            await stream.receive_some()
            await stream.send_all(says)
            await trio.sleep_forever()

        async with trio.open_nursery() as nursery:
            listeners = await trio.open_tcp_listeners(0, host="127.0.0.1")
            nursery.start_soon(trio.serve_listeners, handle, listeners)
            port = listeners[0].socket.getsockname()[1]
            async with client(f"https://127.0.0.1:{port}/", timeout=1.0) as made:
                answer = await made.call(SEND, PARAMS)
            nursery.cancel_scope.cancel()

        assert not sent(answer)
        assert why in str(answer)

    async def test_when_the_file_of_the_ca_is_missing(self, tmp_path: Path) -> None:
        missing = tmp_path / "ca.pem"
        async with client("https://127.0.0.1:1/", tls_ca_file=missing) as made:
            answer = await made.call(SEND, PARAMS)

        assert not sent(answer)
        assert "http.main.tls_ca_file: cannot read" in str(answer)

    async def test_when_every_connection_is_taken(self, autojump_clock: trio.abc.Clock) -> None:
        del autojump_clock
        answers: list[Answer] = []

        async def never(_request: httpx2.Request) -> httpx2.Response:
            await trio.sleep_forever()
            raise AssertionError

        made = ProviderClient(
            config("https://api.example.net/", connections=1, timeout=30),
            PASSWORD,
            httpx2.MockTransport(never),
        )

        async def call() -> None:
            answers.append(await made.call(SEND, PARAMS))

        async with trio.open_nursery() as nursery:
            for _ in range(2):
                nursery.start_soon(call)

        assert sorted(map(sent, answers)) == [False, True]
        assert trio.current_time() < 31


def _context(authority: Authority, name: str = "127.0.0.1") -> ssl.SSLContext:
    pem = authority.issue(name)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pem.cert, pem.key)
    return context


async def answered_securely(server: Server, **changed: Any) -> Answer:
    async with client(server.url.replace("http:", "https:"), **changed) as made:
        return await made.call(SEND, PARAMS)


class TestOverTls:
    async def test_an_answer(self, authority: Authority) -> None:
        async with serving(context=_context(authority)) as server:
            answer = await answered_securely(server, tls_ca_file=authority.file)

        assert answer == Success(b"null")
        assert len(server.requests) == 1

    @pytest.mark.parametrize("end", [End.CLOSE, End.RESET, End.HANG])
    async def test_no_answer(self, authority: Authority, end: End) -> None:
        async with serving(Say(end=end), context=_context(authority)) as server:
            answer = await answered_securely(server, tls_ca_file=authority.file, timeout=1.5)

        assert sent(answer)
        assert len(server.requests) == 1

    async def test_a_server_that_reads_nothing_more(self, authority: Authority) -> None:
        """A request that fills every buffer ends in time, and its connection with it."""
        params = {"idgroup": "1", "contacts": "x" * 20_000_000}
        async with serving(Say(early=True, end=End.HANG), context=_context(authority)) as server:
            url = server.url.replace("http:", "https:")
            async with client(url, tls_ca_file=authority.file, timeout=2.0) as made:
                with trio.fail_after(10):
                    answer = await made.call(OPERATIONS["group.addcontactlist"], params)

        assert sent(answer)


HALF = b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n" + b'{"status":"success","result'
CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n{" + b'"sta\r\n'


class TestMayHaveArrived:
    @pytest.mark.parametrize(
        "say",
        [
            Say(b"", End.CLOSE),
            Say(b"", End.RESET),
            Say(b"HTTP/1.1 200", End.CLOSE),
            Say(HALF, End.CLOSE),
            Say(HALF, End.RESET),
            Say(HALF, End.HANG),
            Say(CHUNKED, End.CLOSE),
            Say(b"", End.HANG),
            Say(b"\x00\x01garbage\r\n\r\n", End.CLOSE),
            Say(b"SSH-2.0-OpenSSH_9.2\r\n", End.CLOSE),
            Say(b"HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\n", End.CLOSE),
            Say(b"HTTP/1.1 200 OK\r\nX: " + b"x" * 200_000, End.HANG),
            Say(ok(), every=0.05),
            Say(ok(b"")),
            Say(ok(b"<html>Busy</html>", "503 Service Unavailable")),
            Say(ok(b"<html>Busy</html>", "200 OK")),
            Say(ok(b'{"status":"success"', "200 OK")),
            Say(ok(b"", "302 Found")),
            Say(
                b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 4\r\n\r\nnope",
                End.CLOSE,
            ),
        ],
        ids=lambda each: repr(each)[:60],
    )
    async def test_and_is_not_sent_again(self, say: Say) -> None:
        async with serving(say) as server:
            answer = await answered(server, timeout=1.0)
            await wait_all_tasks_blocked()

        assert sent(answer)
        assert len(server.requests) == 1

    async def test_when_the_answer_is_too_long(self) -> None:
        body = b'{"status":"success","result":"' + b"x" * ANSWER_LIMIT + b'"}'
        async with serving(Say(ok(body))) as server:
            answer = await answered(server)

        assert sent(answer)
        assert "octets" in str(answer)

    async def test_when_the_answer_is_a_bomb(self) -> None:
        body = gzip.compress(b"0" * (ANSWER_LIMIT + 1))
        head = b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\n"
        reply = head + f"Content-Length: {len(body)}\r\n\r\n".encode() + body
        async with serving(Say(reply)) as server:
            answer = await answered(server)

        assert sent(answer)

    async def test_an_answer_before_the_request_was_read_counts(self) -> None:
        params = {"idgroup": "1", "contacts": "x" * 20_000_000}
        say = Say(ok(b"", "413 Content Too Large"), End.CLOSE, early=True)
        async with serving(say) as server, client(server.url) as made:
            answer = await made.call(OPERATIONS["group.addcontactlist"], params)

        if isinstance(answer, NoAnswer):  # the reset overtook the answer
            assert answer.sent
        else:
            assert isinstance(answer, Failure)
            assert answer.code == "HTTP_413"
        assert len(server.requests) == 1


@pytest.mark.parametrize("status", ["301 Moved Permanently", "302 Found", "303 See Other"])
@pytest.mark.parametrize("more", ["307 Temporary Redirect", "308 Permanent Redirect"])
async def test_no_redirect_is_followed(status: str, more: str) -> None:
    async with serving() as elsewhere:
        to = f"\r\nLocation: {elsewhere.url}\r\n".encode()
        says = [Say(ok(b"", each).replace(b"\r\n", to, 1)) for each in (status, more)]
        async with serving(*says) as server, client(server.url) as made:
            for _ in says:
                answer = await made.call(SEND, PARAMS)
                assert isinstance(answer, Failure) or answer == NoAnswer(
                    f"HTTP {status}: the answer is empty", sent=True
                )

    assert elsewhere.connections == 0
    assert len(server.requests) == 2


class TestTimeouts:
    async def test_cover_the_whole_call(self) -> None:
        async with serving(Say(ok(), every=0.02)) as server:
            started = trio.current_time()
            answer = await answered(server, timeout=1.0)

        assert sent(answer)
        assert "no answer within 1 s" in str(answer)
        assert trio.current_time() - started < 2.5

    async def test_are_the_accounts(self, autojump_clock: trio.abc.Clock) -> None:
        del autojump_clock

        async def late(_request: httpx2.Request) -> httpx2.Response:
            await trio.sleep(29)
            return httpx2.Response(200, content=b'{"status":"success","result":1}')

        transport = httpx2.MockTransport(late)
        patient = ProviderClient(config("https://a.example/", timeout=30), PASSWORD, transport)
        hasty = ProviderClient(config("https://a.example/", timeout=28), PASSWORD, transport)

        assert await patient.call(SEND, PARAMS) == Success(b"1")
        assert sent(await hasty.call(SEND, PARAMS))


class TestSecrets:
    @pytest.mark.parametrize("auth", ["form", "basic"])
    @pytest.mark.parametrize(
        "say",
        [
            Say(ok()),
            Say(end=End.CLOSE),
            Say(end=End.RESET),
            Say(b"garbage\r\n\r\n", End.CLOSE),
            Say(ok(b"", "302 Found")),
        ],
        ids=lambda each: repr(each)[:40],
    )
    async def test_stand_in_no_log_and_no_representation(
        self, auth: str, say: Say, caplog: pytest.LogCaptureFixture
    ) -> None:
        caplog.set_level(logging.DEBUG)
        for name in ("httpx2", "httpcore2", "httpcore2.http11", "httpcore2.connection"):
            caplog.set_level(logging.DEBUG, name)
        async with serving(say) as server, client(server.url, auth=auth) as made:
            shown = repr(made) + str(made) + repr(await made.call(SEND, PARAMS))

        said = shown + caplog.text + repr([vars(each) for each in caplog.records])
        pair = base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode()
        for secret in ("hunter2", pair, "34600000001", USER):
            assert secret not in said
        assert b"sendsms" in server.requests[0]

    @pytest.mark.parametrize(
        "repeated",
        ["hunter2+&=ñ", "hunter2%2B%26%3D%C3%B1", "hunter2+&=\\u00f1"],
        ids=["as it is", "as in a form", "as in JSON"],
    )
    @pytest.mark.parametrize("status", ["200 OK", "403 Forbidden", "500 Internal Server Error"])
    async def test_that_an_answer_repeats_are_not_shown(self, repeated: str, status: str) -> None:
        bodies = [
            f"<html>Warning: login({repeated}) failed</html>",
            f'{{"status":"error","error":"{repeated}"}}',
            f'{{"status":"error","error":["NO_CREDITS","{repeated}"]}}',
            f'{{"status":"odd","what":"{repeated}"}}',
        ]
        says = [Say(ok(each.encode(), status)) for each in bodies]
        async with serving(*says) as server, client(server.url) as made:
            answers = [await made.call(SEND, PARAMS) for _ in says]

        assert "hunter2" not in repr(answers)
        assert isinstance(answers[2], Failure)
        assert answers[2].code == "NO_CREDITS"
        assert "Your balance is insufficient" in answers[2].text

    async def test_that_a_result_repeats_are_hidden_and_the_rest_kept(self) -> None:
        body = '{"status":"success","result":{"messageid":"7","auth":"hunter2+&=ñ"}}'
        async with serving(Say(ok(body.encode()))) as server:
            answer = await answered(server)

        assert answer == Success(b'{"messageid":"7","auth":"(secret)"}')


async def test_names_that_are_looked_up_for_long_hold_up_no_commit(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    over = threading.Event()

    def look_up(*given: Any) -> list[Any]:
        if given[-1] & socket.AI_NUMERICHOST:
            raise socket.gaierror(socket.EAI_NONAME, "a name")
        over.wait(10)
        raise socket.gaierror(socket.EAI_AGAIN, "no answer")

    monkeypatch.setattr("socket.getaddrinfo", look_up)
    limiter = trio.to_thread.current_default_thread_limiter()
    try:
        async with client("https://slow.example.net/", connections=100) as made:
            async with trio.open_nursery() as nursery:
                for _ in range(int(limiter.total_tokens)):
                    nursery.start_soon(made.call, SEND, PARAMS)
                while limiter.available_tokens:
                    await trio.lowlevel.checkpoint()
                with trio.fail_after(3):
                    assert await Surroundings().run_sync(lambda: "on disk") == "on disk"
                nursery.cancel_scope.cancel()
    finally:
        over.set()
