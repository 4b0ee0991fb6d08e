"""TLS to an SMSC: who is trusted, who trusts us, and what is said when it fails."""

from __future__ import annotations

import socket
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import trio

from smppd.config import LinkConfig
from smppd.link import tls
from smppd.link.dial import Dialler, Unreachable, broken
from smppd.link.tls import certificate_expiry, looks_like

if TYPE_CHECKING:
    from tests.certificates import Authority, Pem


class Names(trio.abc.HostnameResolver):
    """Every name is this machine's."""

    async def getaddrinfo(self, host: bytes | None, port: Any, *_: Any, **__: Any) -> list[Any]:
        kind = (socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP, "")
        return [(*kind, ("127.0.0.1", port))]

    async def getnameinfo(self, sockaddr: Any, flags: int) -> tuple[str, str]:
        raise NotImplementedError


def server_context(pem: Pem, **settings: Any) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pem.cert, pem.key)
    for name, value in settings.items():
        setattr(context, name, value)
    return context


@asynccontextmanager
async def server(context: ssl.SSLContext | None, say: bytes = b"") -> AsyncIterator[int]:
    """Listens with TLS or without; says something to each client, and hears it out."""

    async def serve(stream: trio.abc.Stream) -> None:
        if context is not None:
            stream = trio.SSLStream(stream, context, server_side=True, https_compatible=True)
        try:
            async with stream:
                if say:
                    await stream.send_all(say)
                while await stream.receive_some():
                    pass
        except trio.BrokenResourceError:
            pass

    async with trio.open_nursery() as nursery:
        (listener,) = await trio.open_tcp_listeners(0, host="127.0.0.1")
        nursery.start_soon(trio.serve_listeners, serve, [listener])
        yield listener.socket.getsockname()[1]
        nursery.cancel_scope.cancel()


async def dial(port: int, host: str = "smsc.example.net", **keys: Any) -> Any:
    trio.socket.set_custom_hostname_resolver(Names())
    link = LinkConfig(name="main", hosts=(), system_id="acme", tls=True, **keys)
    return await Dialler(link).open(host, port)


async def connected(port: int, host: str = "smsc.example.net", **keys: Any) -> Any:
    """A connection that must come about."""
    found = await dial(port, host, **keys)
    assert not isinstance(found, Unreachable), found
    return found


async def refusal(port: int, host: str = "smsc.example.net", **keys: Any) -> str:
    """Why there is no connection."""
    found = await dial(port, host, **keys)
    assert isinstance(found, Unreachable), found
    assert found.reason.startswith(f"{host}:{port} ")
    assert "_ssl.c" not in found.reason
    return found.reason


# ── what works ───────────────────────────────────────────────────────────────────────────────


async def test_a_verified_connection_carries_octets_and_tells_its_expiry(
    authority: Authority,
) -> None:
    until = datetime(2031, 5, 6, 7, 8, 9, tzinfo=UTC)
    pem = authority.issue("smsc.example.net", not_after=until)
    async with server(server_context(pem), b"hello") as port:
        async with await connected(port, tls_ca_file=authority.file) as stream:
            assert await stream.receive_some() == b"hello"
            assert stream.version() == "TLSv1.3"
            assert certificate_expiry(stream) == until.timestamp()


async def test_the_certificate_may_be_for_the_address_or_another_name(
    authority: Authority,
) -> None:
    async with server(server_context(authority.issue("127.0.0.1"))) as port:
        async with await connected(port, "127.0.0.1", tls_ca_file=authority.file):
            pass
    async with server(server_context(authority.issue("gateway"))) as port:
        keys: dict[str, Any] = {"tls_ca_file": authority.file, "tls_server_name": "gateway"}
        async with await connected(port, "127.0.0.1", **keys):
            pass


async def test_the_server_is_told_which_name_is_meant(authority: Authority) -> None:
    asked: list[str] = []
    context = server_context(authority.issue("gateway"))
    context.sni_callback = lambda _socket, name, _context: asked.append(name)
    async with server(context) as port:
        async with await connected(port, tls_ca_file=authority.file, tls_server_name="gateway"):
            pass
    assert asked == ["gateway"]


async def test_unverified_when_asked_for(authority: Authority) -> None:
    async with server(server_context(authority.issue("other")), b"hello") as port:
        async with await connected(port, tls_verify=False) as stream:
            assert await stream.receive_some() == b"hello"
            assert certificate_expiry(stream) is None


async def test_a_client_certificate_is_shown(authority: Authority) -> None:
    context = server_context(authority.issue("smsc.example.net"), verify_mode=ssl.CERT_REQUIRED)
    context.load_verify_locations(authority.file)
    ours = authority.issue("acme")
    async with server(context, b"hello") as port:
        keys: dict[str, Any] = {"tls_cert_file": ours.cert, "tls_key_file": ours.key}
        async with await connected(port, tls_ca_file=authority.file, **keys) as stream:
            assert await stream.receive_some() == b"hello"


async def test_a_close_without_close_notify_is_just_the_end(authority: Authority) -> None:
    context = server_context(authority.issue("smsc.example.net"))
    (listener,) = await trio.open_tcp_listeners(0, host="127.0.0.1")
    port = listener.socket.getsockname()[1]

    async def serve() -> None:
        raw = await listener.accept()
        secured = trio.SSLStream(raw, context, server_side=True)
        await secured.do_handshake()
        await secured.send_all(b"last words")
        await raw.aclose()

    async with listener, trio.open_nursery() as nursery:
        nursery.start_soon(serve)
        async with await connected(port, tls_ca_file=authority.file) as stream:
            assert await stream.receive_some() == b"last words"
            assert await stream.receive_some() == b""


async def test_a_renewed_file_is_found_at_the_next_connection(
    authority: Authority, tmp_path: Path
) -> None:
    trusted = tmp_path / "ca.pem"
    async with server(server_context(authority.issue("smsc.example.net"))) as port:
        why = await dial(port, tls_ca_file=trusted)
        assert why.reason.startswith(f"link.main.tls_ca_file: cannot read {trusted}")
        trusted.write_bytes(authority.file.read_bytes())
        async with await connected(port, tls_ca_file=trusted):
            pass


# ── what does not, and what is said ──────────────────────────────────────────────────────────


async def test_a_certificate_for_another_name_is_refused(authority: Authority) -> None:
    async with server(server_context(authority.issue("other"))) as port:
        why = await refusal(port, tls_ca_file=authority.file)
        assert "certificate is not for smsc.example.net: set tls_server_name" in why
        why = await refusal(port, "127.0.0.1", tls_ca_file=authority.file)
        assert "certificate is not for 127.0.0.1: set tls_server_name" in why


async def test_an_expired_certificate_is_refused(authority: Authority) -> None:
    pem = authority.issue("smsc.example.net", not_after=datetime(2020, 1, 1, tzinfo=UTC))
    async with server(server_context(pem)) as port:
        why = await refusal(port, tls_ca_file=authority.file)
        assert "certificate has expired: the provider must renew it" in why


async def test_a_certificate_of_an_unknown_ca_is_refused(authority: Authority) -> None:
    async with server(server_context(authority.issue("smsc.example.net"))) as port:
        why = await refusal(port)
        assert "no CA that we trust" in why
        assert "set tls_ca_file to the provider's CA" in why


async def test_a_server_without_tls_is_told_from_a_silent_one(
    authority: Authority, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with server(None, b"\0\0\0\x10\x80\0\0\0\0\0\0\x02\0\0\0\0") as port:
        assert "does not speak TLS there: check that the port" in await refusal(port)
    monkeypatch.setattr(tls, "HANDSHAKE_TIMEOUT", 0.05)
    async with server(None) as port:
        assert "no TLS handshake within 0.05 s: check that the port" in await refusal(port)


async def test_a_server_that_hangs_up_may_want_something_else() -> None:
    (listener,) = await trio.open_tcp_listeners(0, host="127.0.0.1")

    async def hang_up() -> None:
        stream = await listener.accept()
        await stream.receive_some()
        await stream.aclose()

    async with listener, trio.open_nursery() as nursery:
        nursery.start_soon(hang_up)
        why = await refusal(listener.socket.getsockname()[1])
    assert "ended the TLS handshake: check that the port is one for TLS" in why


@asynccontextmanager
async def frank_server(context: ssl.SSLContext) -> AsyncIterator[int]:
    """One client of a server that sends its alerts, as trio's side of a server does not."""
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve() -> None:
            accepted, _ = listener.accept()
            with accepted, suppress(ssl.SSLError):
                context.wrap_socket(accepted, server_side=True).close()

        async with trio.open_nursery() as nursery:
            nursery.start_soon(trio.to_thread.run_sync, serve)
            yield listener.getsockname()[1]


async def test_old_tls_is_refused(authority: Authority) -> None:
    context = server_context(authority.issue("smsc.example.net"))
    context.set_ciphers("ALL:@SECLEVEL=0")
    with pytest.warns(DeprecationWarning, match="TLSv1_1"):
        context.minimum_version = context.maximum_version = ssl.TLSVersion.TLSv1_1
    async with frank_server(context) as port:
        assert "TLS of version 1.2 or later" in await refusal(port, tls_ca_file=authority.file)


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
async def test_a_server_that_wants_our_certificate_says_so(
    authority: Authority, version: ssl.TLSVersion
) -> None:
    context = server_context(
        authority.issue("smsc.example.net"), verify_mode=ssl.CERT_REQUIRED, maximum_version=version
    )
    context.load_verify_locations(authority.file)
    async with frank_server(context) as port:
        if version is ssl.TLSVersion.TLSv1_2:
            why = await refusal(port, tls_ca_file=authority.file)
        else:  # it is told with the first octets
            async with await connected(port, tls_ca_file=authority.file) as stream:
                with pytest.raises(trio.BrokenResourceError) as error:
                    await stream.receive_some()
            why = broken(error.value)
    assert "certificate" in why
    assert "tls_cert_file" in why


async def test_no_socket_is_left_open_when_the_handshake_is_cancelled() -> None:
    async with server(None) as port:
        with trio.move_on_after(0.05) as scope:
            await dial(port)
        assert scope.cancelled_caught
    # An open socket would warn, and warnings are errors here.


@pytest.mark.parametrize(
    ("first", "cure"),
    [
        (b"\x15\x03\x01\x00", "set tls = true"),
        (b"\x15\x03\x03\x00", "set tls = true"),
        (b"HTTP", "HTTP server"),
        (b"SSH-", "SSH server"),
    ],
)
def test_first_octets_of_something_else_are_recognised(first: bytes, cure: str) -> None:
    assert cure in looks_like(first)


def test_the_beginning_of_a_pdu_looks_like_nothing_else() -> None:
    assert looks_like(b"\0\0\0\x10") == ""
    assert looks_like(b"") == ""
