"""The simulated SMSC on real sockets, and as a process of its own."""

from __future__ import annotations

import os
import signal
import socket
import ssl
import struct
import subprocess
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
import pytest
import trio

from smppd.simulate.reading import make_script
from smppd.simulate.smsc import Smsc
from smppd.simulate.tally import Summary
from smppd.smpp.pdu import BindTransceiver, SubmitSm
from smppd.smpp.session import (
    Answered,
    Bound,
    Closed,
    Event,
    Limits,
    RequestReceived,
    Role,
    Session,
)

if TYPE_CHECKING:
    from tests.certificates import Authority


class Client:
    """An ESME on a socket: one session, everything it reported, and waiting for it."""

    def __init__(self, stream: trio.abc.Stream) -> None:
        self.stream = stream
        self.session = Session(Role.ESME, Limits(window=100, response_timeout=0), now())
        self.events: list[Event] = []

    def count(self, kind: type) -> int:
        return sum(isinstance(event, kind) for event in self.events)

    async def send(self) -> None:
        if octets := self.session.data_to_send():
            await self.stream.send_all(octets)

    async def read(self) -> None:
        """Once; answers what is delivered."""
        try:
            data = bytes(await self.stream.receive_some())
        except trio.BrokenResourceError:
            data = b""
        session = self.session
        events = session.receive_data(data, now()) if data else session.receive_eof(now())
        self.events += events
        for event in events:
            if isinstance(event, RequestReceived):
                session.respond(event)

    async def until(self, done: Callable[[], bool]) -> None:
        while not done():
            await self.send()
            await self.read()

    async def bind(self) -> Client:
        self.session.bind(BindTransceiver(system_id="me"), now())
        await self.until(lambda: self.count(Bound) == 1)
        return self

    def submit(self, text: str) -> None:
        message = SubmitSm(
            source_addr="ACME",
            destination_addr="34600000001",
            short_message=text.encode(),
            registered_delivery=1,
        )
        self.session.request(message, text, now())


def now() -> float:
    return trio.current_time()


@asynccontextmanager
async def serving(**sections: Any) -> AsyncIterator[Smsc]:
    smsc = Smsc(make_script({"listen": "127.0.0.1:0", **sections}, "test"))
    with trio.fail_after(30):
        async with trio.open_nursery() as nursery:
            address = await nursery.start(smsc.serve)
            assert address == smsc.address
            yield smsc
            nursery.cancel_scope.cancel()


@asynccontextmanager
async def bound_client(smsc: Smsc) -> AsyncIterator[Client]:
    assert smsc.address is not None
    async with await trio.open_tcp_stream(*smsc.address) as stream:
        yield await Client(stream).bind()


@pytest.mark.parametrize(
    "sections",
    [
        {},
        {"answer": {"latency": "2ms", "jitter": "3ms"}, "receipt": {"delay": "5ms"}},
        {"receipt": {"before_answer": 0.5, "overtake_by": "5ms"}},
    ],
    ids=["at once", "later", "overtaking"],
)
async def test_a_thousand_messages_through_a_window_are_all_answered_and_receipted(
    sections: dict[str, Any],
) -> None:
    async with serving(**sections) as smsc, bound_client(smsc) as client:
        texts = [f"message {number}" for number in range(1000)]
        waiting = list(reversed(texts))

        def submit_more() -> bool:
            while client.session.room and waiting:
                client.submit(waiting.pop())
            return client.count(Answered) == client.count(RequestReceived) == 1000

        submit_more()
        await client.until(submit_more)
        answered = [event.token for event in client.events if isinstance(event, Answered)]
        assert sorted(answered) == sorted(texts)
        assert smsc.tally.taken_twice() == {}
        assert smsc.tally.accepted == 1000


async def test_what_is_due_soon_does_not_wait_for_what_was_due_before_it_was_asked_for() -> None:
    async with serving(answer={"latency": "2ms"}) as smsc, bound_client(smsc) as client:
        began = now()
        for sent in range(20):
            client.submit(f"message {sent}")
            await client.until(lambda sent=sent: client.count(Answered) > sent)  # type: ignore[misc]
        assert 0.04 <= now() - began < 2.5


async def test_receipts_of_a_lost_connection_come_on_the_next() -> None:
    async with serving(receipt={"delay": "20ms"}) as smsc:
        async with bound_client(smsc) as client:
            client.submit("Hola")
            await client.until(lambda: client.count(Answered) == 1)
        async with bound_client(smsc) as client:
            await client.until(lambda: client.count(RequestReceived) == 1)


async def test_a_dropped_connection_ends_for_the_client_and_the_next_is_welcome() -> None:
    async with serving(connection={"drop_after": 2, "drop_times": 1}) as smsc:
        async with bound_client(smsc) as client:
            for text in "abc":
                client.submit(text)
            await client.until(lambda: client.count(Closed) == 1)
            assert client.count(Answered) == 0
        async with bound_client(smsc) as client:
            client.submit("d")
            await client.until(lambda: client.count(Answered) == 1)


async def test_a_deaf_connection_stays_open_without_a_word() -> None:
    async with serving(connection={"half_open_after": 1}) as smsc, bound_client(smsc) as client:
        client.submit("a")
        await client.send()
        with trio.move_on_after(0.2) as patience:
            await client.read()
        assert patience.cancelled_caught
        assert smsc.tally.connections_deaf == 1


async def test_an_unbind_is_answered_before_the_connection_closes() -> None:
    async with serving() as smsc, bound_client(smsc) as client:
        client.session.unbind(now())
        await client.until(lambda: client.count(Closed) == 1)
        assert client.events[-1] == Closed("unbound", clean=True)


async def test_a_stream_out_of_step_gets_a_generic_nack_and_is_closed() -> None:
    async with serving() as smsc, bound_client(smsc) as client:
        await client.stream.send_all(b"GET / HTTP/1.1\r\n\r\n")
        octets = b""
        while data := bytes(await client.stream.receive_some()):
            octets += data
        assert octets == struct.pack(">LLLL", 16, 0x80000000, 2, 0)


async def test_a_connection_that_breaks_leaves_the_others_alone() -> None:
    async with serving() as smsc, bound_client(smsc) as bystander:
        assert smsc.address is not None
        broken = await trio.open_tcp_stream(*smsc.address)
        await Client(broken).bind()
        broken.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        await broken.aclose()
        bystander.submit("Hola")
        await bystander.until(lambda: bystander.count(Answered) == 1)


async def test_a_client_that_never_reads_does_not_hold_up_the_others() -> None:
    async with serving() as smsc, bound_client(smsc) as deaf, bound_client(smsc) as other:
        deaf.session = Session(Role.ESME, Limits(window=10**6), now())
        flood = struct.pack(">LLLL", 16, 0x15, 0, 1) * 50_000
        with trio.move_on_after(0.2):
            while True:
                await deaf.stream.send_all(flood)
        other.submit("Hola")
        await other.until(lambda: other.count(Answered) == 1)


async def test_a_client_that_never_reads_is_closed_when_its_session_ends() -> None:
    silence = {"enquire_link_interval": "100ms", "enquire_link_timeout": "100ms"}
    async with serving(connection=silence) as smsc, bound_client(smsc) as client:
        assert smsc.connected == 1
        with suppress(trio.BrokenResourceError):  # on a busy machine it may have ended already
            for _ in range(8):
                await client.stream.send_all(struct.pack(">LLLL", 16, 0x15, 0, 1) * 50_000)
        while smsc.connected:  # noqa: ASYNC110 - only the other side knows
            await trio.sleep(0.01)


async def test_the_tally_is_written_at_the_end_and_from_time_to_time(tmp_path: Path) -> None:
    path = tmp_path / "tally.json"
    async with serving(tally={"file": str(path), "every": "10ms"}) as smsc:
        async with bound_client(smsc) as client:
            client.submit("Hola")
            await client.until(lambda: client.count(RequestReceived) == 1)
        while not path.exists() or not read(path).accepted:  # noqa: ASYNC110 - it is a file
            await trio.sleep(0.01)
        before = read(path).writes
    summary = read(path)
    assert summary.writes > before
    assert summary.answers == {"ESME_ROK": 1}
    assert summary.messages == {"34600000001 486f6c61": 1}
    assert (summary.different, summary.taken_twice, summary.receipts.made) == (1, 0, 1)
    assert names_in(tmp_path) == [path.name]


def names_in(folder: Path) -> list[str]:
    return [path.name for path in folder.iterdir()]


def read(path: Path) -> Summary:
    return msgspec.json.decode(path.read_bytes(), type=Summary)


async def test_an_address_that_cannot_be_had_is_an_oserror() -> None:
    async with serving() as smsc:
        assert smsc.address is not None
        host, port = smsc.address
        with pytest.raises(OSError, match="in use"):
            await Smsc(make_script({"listen": f"{host}:{port}"}, "test")).listen()


async def test_it_speaks_tls_and_wants_certificates_when_told_to(authority: Authority) -> None:
    pem, client = authority.issue("127.0.0.1"), authority.issue("acme")
    files = {"cert": str(pem.cert), "key": str(pem.key), "ca": str(authority.file)}
    ours = ssl.create_default_context(cafile=authority.file)
    ours.load_cert_chain(client.cert, client.key)
    async with serving(tls=files) as smsc:
        assert smsc.address is not None
        host, port = smsc.address
        stream = await trio.open_ssl_over_tcp_stream(
            host, port, https_compatible=True, ssl_context=ours
        )
        async with stream:
            await stream.send_all(struct.pack(">LLLL", 16, 0x15, 0, 7))
            assert await stream.receive_some() == struct.pack(">LLLL", 16, 0x80000015, 0, 7)
        nobody = ssl.create_default_context(cafile=authority.file)
        stream = await trio.open_ssl_over_tcp_stream(
            host, port, https_compatible=True, ssl_context=nobody
        )
        async with stream:
            with suppress(trio.BrokenResourceError):
                assert await stream.receive_some() == b""


async def test_files_for_tls_that_cannot_be_used_are_an_oserror(authority: Authority) -> None:
    for files in ({"cert": "/nowhere.pem"}, {"cert": str(authority.file)}):
        with pytest.raises(OSError, match=r"TLS with /.*\.pem: "):
            await Smsc(make_script({"tls": files}, "test")).listen()


PROGRAM = """
import argparse, trio
from smppd.simulate.commandline import add_arguments, main, script_from_arguments
parser = argparse.ArgumentParser()
add_arguments(parser)
say = lambda line: print(line, flush=True)
trio.run(main, script_from_arguments(parser.parse_args()), say)
"""


def test_as_a_process_it_says_where_it_listens_and_writes_its_tally_on_signals(
    tmp_path: Path,
) -> None:
    path = tmp_path / "tally.json"
    process = subprocess.Popen(
        [sys.executable, "-c", PROGRAM, "--listen=127.0.0.1:0", f"--tally-file={path}"],
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    )
    try:
        assert process.stdout is not None
        said = process.stdout.readline()
        assert said.startswith("listening on 127.0.0.1:")
        with socket.create_connection(("127.0.0.1", int(said.rsplit(":", 1)[1])), 10) as client:
            client.sendall(struct.pack(">LLLL", 16, 0x15, 0, 7))
            assert client.recv(100) == struct.pack(">LLLL", 16, 0x80000015, 0, 7)
            process.send_signal(signal.SIGUSR1)
            while read(path).connections != 1:
                process.poll()
                assert process.returncode is None
        process.send_signal(signal.SIGTERM)
        assert process.wait(10) == 0
        assert read(path).writes == 3
    finally:
        process.kill()
        process.wait()
        if process.stdout is not None:
            process.stdout.close()
