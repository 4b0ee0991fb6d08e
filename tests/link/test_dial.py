"""Connecting over real sockets on this machine."""

from __future__ import annotations

import socket
from typing import Any

import pytest
import trio

from smppd.config import LinkConfig
from smppd.link import dial
from smppd.link.dial import Dialler, Unreachable


class Names(trio.abc.HostnameResolver):
    """Names that exist in these tests only."""

    def __init__(self, **addresses: list[str]) -> None:
        self._addresses = addresses

    async def getaddrinfo(
        self,
        host: bytes | None,
        port: bytes | str | int | None,
        family: int = 0,
        type: int = 0,  # noqa: A002 - trio's name
        proto: int = 0,
        flags: int = 0,
    ) -> list[Any]:
        assert host is not None
        found = self._addresses.get(host.decode())
        if found is None:
            raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")
        stream = (socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP, "")
        return [(*stream, (address, port)) for address in found]

    async def getnameinfo(self, sockaddr: Any, flags: int) -> tuple[str, str]:
        raise NotImplementedError


def dialler(**keys: Any) -> Dialler:
    return Dialler(LinkConfig(name="main", hosts=(), system_id="acme", **keys))


async def open_connection(host: str, port: int) -> trio.abc.Stream | Unreachable:
    return await dialler().open(host, port)


async def listen(address: str) -> tuple[trio.SocketListener, int]:
    (listener,) = await trio.open_tcp_listeners(0, host=address)
    return listener, listener.socket.getsockname()[1]


def free_port() -> int:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return int(taken.getsockname()[1])


async def test_a_port_that_refuses_is_named_with_the_cure() -> None:
    port = free_port()
    why = await open_connection("127.0.0.1", port)
    assert why == Unreachable(
        f"127.0.0.1:{port} refuses connections: check host and port, and whether the SMSC is"
        " running"
    )


async def test_a_name_that_does_not_resolve_is_named_with_the_cure() -> None:
    trio.socket.set_custom_hostname_resolver(Names())
    why = await open_connection("smpp.example.net", 2775)
    assert why == Unreachable(
        "cannot resolve smpp.example.net:2775 (Name or service not known): check the host name"
        " and the DNS"
    )


@pytest.mark.parametrize("host", ["a..b", "x" * 300])
async def test_a_name_that_cannot_be_one_is_no_fault_of_the_program(host: str) -> None:
    assert isinstance(await open_connection(host, 2775), Unreachable)


async def test_all_addresses_of_a_name_are_tried() -> None:
    listener, port = await listen("127.0.0.2")
    trio.socket.set_custom_hostname_resolver(Names(smsc=["127.0.0.1", "127.0.0.2"]))
    async with listener:
        stream = await open_connection("smsc", port)
        assert isinstance(stream, trio.SocketStream)
        async with stream:
            assert stream.socket.getpeername() == ("127.0.0.2", port)


async def serve_two() -> tuple[list[trio.SocketListener], int]:
    """Listen at the same port of 127.0.0.1 and 127.0.0.2."""
    first, port = await listen("127.0.0.1")
    (second,) = await trio.open_tcp_listeners(port, host="127.0.0.2")
    return [first, second], port


async def reached(dialler: Dialler, host: str, port: int) -> str:
    """The address that a name leads to now."""
    stream = await dialler.open(host, port)
    assert isinstance(stream, trio.SocketStream), stream
    async with stream:
        return str(stream.socket.getpeername()[0])


async def test_the_addresses_of_a_name_take_turns() -> None:
    """One that connects but then is of no use does not stand in the way of the others."""
    listeners, port = await serve_two()
    trio.socket.set_custom_hostname_resolver(Names(smsc=["127.0.0.1", "127.0.0.2"]))
    calls = dialler()
    assert [await reached(calls, "smsc", port) for _ in range(4)] == [
        *("127.0.0.1", "127.0.0.2", "127.0.0.1", "127.0.0.2"),
    ]
    for listener in listeners:
        await listener.aclose()


async def test_an_address_that_did_not_connect_is_not_tried_first_again() -> None:
    listener, port = await listen("127.0.0.2")
    trio.socket.set_custom_hostname_resolver(Names(smsc=["127.0.0.1", "127.0.0.2"]))
    calls = dialler()
    assert [await reached(calls, "smsc", port) for _ in range(2)] == ["127.0.0.2"] * 2
    assert [failed for failed, _ in calls._used.values()] == [True, False]
    assert [turn for _, turn in calls._used.values()] == [1, 3]
    await listener.aclose()


async def test_a_name_is_looked_up_anew_for_each_connection() -> None:
    listeners, port = await serve_two()
    calls = dialler()
    trio.socket.set_custom_hostname_resolver(Names(smsc=["127.0.0.1"]))
    assert await reached(calls, "smsc", port) == "127.0.0.1"
    trio.socket.set_custom_hostname_resolver(Names(smsc=["127.0.0.2"]))
    assert await reached(calls, "smsc", port) == "127.0.0.2"
    for listener in listeners:
        await listener.aclose()


async def test_an_address_that_gives_no_answer_is_left_in_time(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(dial, "CONNECT_TIMEOUT", 0.05)
    silent = socket.socket()
    silent.bind(("127.0.0.1", 0))
    silent.listen(0)
    port = silent.getsockname()[1]
    with silent, socket.socket() as first, socket.socket() as second:
        # A full backlog drops what else wants to connect.
        for waiting in (first, second):
            waiting.setblocking(False)
            waiting.connect_ex(("127.0.0.1", port))
        why = await open_connection("127.0.0.1", port)
    assert isinstance(why, Unreachable)
    assert "gave no answer" in why.reason


async def test_a_dead_peer_is_noticed_by_the_kernel_and_small_writes_leave_at_once() -> None:
    listener, port = await listen("127.0.0.1")
    async with listener:
        stream = await open_connection("127.0.0.1", port)
        assert isinstance(stream, trio.SocketStream)
        async with stream:
            for level, option, value in (
                (socket.IPPROTO_TCP, socket.TCP_NODELAY, 1),
                (socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1),
                (socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, 60),
                (socket.IPPROTO_TCP, socket.TCP_KEEPINTVL, 15),
                (socket.IPPROTO_TCP, socket.TCP_KEEPCNT, 4),
                (socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, 30_000),
            ):
                assert stream.socket.getsockopt(level, option) == value


# ── the address we connect from ──────────────────────────────────────────────────────────────


async def test_a_connection_comes_from_the_local_address() -> None:
    listener, port = await listen("127.0.0.1")
    async with listener:
        stream = await dialler(local_address="127.0.0.9").open("127.0.0.1", port)
        assert isinstance(stream, trio.SocketStream), stream
        async with stream, await listener.accept() as accepted:
            assert accepted.socket.getpeername()[0] == "127.0.0.9"


async def test_a_local_address_of_another_machine_is_named_with_the_cure() -> None:
    why = await dialler(local_address="192.0.2.1").open("127.0.0.1", 2775)
    assert why == Unreachable(
        "127.0.0.1:2775 cannot be connected to from local_address 192.0.2.1: it is no address of"
        " this machine: correct local_address, or give the machine that address"
    )


async def test_only_addresses_of_the_local_ones_kind_are_tried() -> None:
    why = await dialler(local_address="::1").open("127.0.0.1", 2775)
    assert why == Unreachable(
        "127.0.0.1:2775 has no IPv6 address, and local_address ::1 is one: set an IPv4 address of"
        " this machine, or another host"
    )
