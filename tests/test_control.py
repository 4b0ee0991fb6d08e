from __future__ import annotations

import errno
import functools
import os
import socket
import stat
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
import trio
import trio.testing

from smppd.control import ControlRefused, ControlUnavailable, ask, serve_control, serving
from smppd.figures import DaemonFigures, JournalFigures, LinkFigures, SpoolFigures
from smppd.peers import name_of

PATIENCE = 20.0

FIGURES = DaemonFigures(
    version="0.1.0",
    pid=1,
    started=1.0,
    now=2.0,
    stopping=False,
    accepted=3,
    states={"sent": 3},
    queued_by_lane={},
    oldest_queued=None,
    open_files=0,
    parked_receipts=0,
    unmatched_receipts=0,
    links=[LinkFigures(name="main", answers={0: 2, 0x58: 1})],
    journal=JournalFigures(),
    spool=SpoolFigures(),
)


async def status(_request: dict[str, Any]) -> DaemonFigures:
    await trio.lowlevel.checkpoint()
    return FIGURES


async def echo(request: dict[str, Any]) -> dict[str, Any]:
    await trio.lowlevel.checkpoint()
    return request


async def pause(_request: dict[str, Any]) -> None:
    await trio.lowlevel.checkpoint()


async def requeue(_request: dict[str, Any]) -> None:
    await trio.lowlevel.checkpoint()
    raise ControlRefused("no message\nis held as unknown")


async def faulty(request: dict[str, Any]) -> object:
    await trio.lowlevel.checkpoint()
    return request["a key that nobody gave"]


COMMANDS = {
    "status": status,
    "echo": echo,
    "pause": pause,
    "requeue": requeue,
    "faulty": faulty,
}


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "control.sock"


@pytest.fixture
async def served(path: Path, nursery: trio.Nursery) -> Path:
    await nursery.start(functools.partial(serve_control, path, COMMANDS))
    return path


async def asked(path: Path, command: str, **args: Any) -> dict[str, Any]:
    """The real client, in a thread of its own as it is in a process of its own."""
    return await trio.to_thread.run_sync(functools.partial(ask, path, command, **args))


async def raw(path: Path, octets: bytes) -> list[dict[str, Any]]:
    """Send these octets; every answer until the server hangs up."""
    with trio.fail_after(PATIENCE):
        async with await trio.open_unix_socket(str(path)) as stream:
            await stream.send_all(octets)
            await stream.send_eof()
            received = b""
            while chunk := await stream.receive_some(65536):
                received += chunk
    return [msgspec.json.decode(line) for line in received.splitlines()]


async def test_a_command_is_asked_and_answered(served: Path) -> None:
    result = await asked(served, "status")
    figures = msgspec.convert(result, DaemonFigures, str_keys=True)
    assert figures == FIGURES


async def test_arguments_arrive_and_so_does_who_asks(served: Path) -> None:
    result = await asked(served, "echo", id="order-77", count=3, who="somebody else")
    uid = os.getuid()
    assert result == {"id": "order-77", "count": 3, "who": name_of(uid), "uid": uid}


async def test_a_command_with_nothing_to_say_gives_an_empty_result(served: Path) -> None:
    assert await asked(served, "pause") == {}


async def test_a_refusal_arrives_as_one_line(served: Path) -> None:
    with pytest.raises(ControlRefused, match=r"^no message is held as unknown$"):
        await asked(served, "requeue")


async def test_an_unknown_command_is_told_which_there_are(served: Path) -> None:
    with pytest.raises(ControlRefused, match=r"'stauts'.*requeue, status"):
        await asked(served, "stauts")
    with pytest.raises(ControlRefused) as caught:
        await asked(served, "stauts")
    assert not caught.value.fault


async def test_a_fault_in_a_command_is_told_and_stops_nothing(served: Path) -> None:
    with pytest.raises(ControlRefused, match=r"faulty.*KeyError") as caught:
        await asked(served, "faulty")
    assert caught.value.fault
    assert await asked(served, "pause") == {}


async def test_a_large_answer_arrives_whole(served: Path) -> None:
    text = "ü" * 30_000
    assert (await asked(served, "echo", text=text))["text"] == text


@pytest.mark.parametrize(
    "request_octets",
    [
        b"status\n",
        b"\n",
        b"[]\n",
        b'{"command": 5}\n',
        b'{"command": ["status"]}\n',
        b"{}\n",
        b'{"command": "status"',
        b"\xff\xfe\n",
        b'{"command": "' + b"x" * 100 + b'\\n"}\n',
    ],
)
async def test_rubbish_is_answered_with_an_error(served: Path, request_octets: bytes) -> None:
    [answer] = await raw(served, request_octets)
    assert answer["ok"] is False
    assert "\n" not in answer["error"]
    assert await asked(served, "pause") == {}


async def test_an_over_long_line_is_refused_and_its_connection_ends(served: Path) -> None:
    with trio.fail_after(PATIENCE):
        async with await trio.open_unix_socket(str(served)) as stream:
            await stream.send_all(b"x" * (serving.MOST_REQUEST_OCTETS + 1))
            received = b""
            while chunk := await stream.receive_some(65536):
                received += chunk
    answer = msgspec.json.decode(received)
    says = f"a request has at most {serving.MOST_REQUEST_OCTETS} octets"
    assert answer == {"ok": False, "error": says}


@pytest.mark.parametrize(
    "line",
    [
        b'{"command": "status", "a": ' + b"[" * 200_000 + b"\n",
        b'{"command": "status", "a": ' + b"[" * 2000 + b"]" * 2000 + b"}\n",
        b'{"command": "status", "a": "\xff"}\n',
        b'{"\xff": 1}\n',
        b'{"command": "status", "a": 1e999999}\n',
    ],
)
async def test_what_no_parser_takes_is_refused_and_stops_nothing(served: Path, line: bytes) -> None:
    (answer,) = await raw(served, line)
    assert answer["error"].startswith("a request is one JSON object on a line: ")
    assert await asked(served, "pause") == {}


async def test_the_client_hears_why_its_over_long_request_is_refused(served: Path) -> None:
    most = serving.MOST_REQUEST_OCTETS
    with pytest.raises(ControlRefused, match=f"at most {most} octets"):
        await asked(served, "echo", text="x" * most)


async def test_a_long_list_of_contacts_is_no_over_long_request(served: Path) -> None:
    text = "x" * (serving.MOST_REQUEST_OCTETS - 100)
    assert len((await asked(served, "echo", text=text))["text"]) == len(text)


async def test_requests_sent_at_once_are_answered_in_order(served: Path) -> None:
    lines = b"".join(b'{"command": "echo", "n": %d}\n' % n for n in range(100))
    answers = await raw(served, lines + b'{"command": "echo", "n": 100}')
    assert [answer["result"]["n"] for answer in answers] == list(range(101))


async def test_a_peer_that_vanishes_leaves_the_server_standing(served: Path) -> None:
    for octets in (b"", b'{"comm', b'{"command": "status"}\n' * 50):
        stream = await trio.open_unix_socket(str(served))
        await stream.send_all(octets)
        await stream.aclose()
    assert await asked(served, "pause") == {}


async def test_connections_over_the_most_are_refused_until_one_ends(served: Path) -> None:
    with trio.fail_after(PATIENCE):
        streams = []
        for _ in range(serving.MOST_CONNECTIONS):
            stream = await trio.open_unix_socket(str(served))
            await stream.send_all(b'{"command": "pause"}\n')
            assert await stream.receive_some(4096)  # so it is counted
            streams.append(stream)
        with pytest.raises(ControlRefused, match="too many connections"):
            await asked(served, "pause")
        await streams.pop().aclose()
        while True:
            try:
                assert await asked(served, "pause") == {}
                break
            except ControlRefused:
                continue
        for stream in streams:
            await stream.aclose()


async def test_a_silent_peer_is_hung_up_on(served: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(serving, "READ_TIMEOUT", 0.05)
    with trio.fail_after(PATIENCE):
        async with await trio.open_unix_socket(str(served)) as stream:
            answer = msgspec.json.decode(await stream.receive_some(4096))
            assert "no request within" in answer["error"]
            assert await stream.receive_some(1) == b""


# ── the socket in the file system ────────────────────────────────────────────────────────────


async def refused(path: Path) -> None:
    with trio.fail_after(PATIENCE):
        await serve_control(path, {})


async def test_only_owner_and_group_may_use_the_socket(served: Path) -> None:
    mode = (await trio.Path(served).stat()).st_mode
    assert stat.S_ISSOCK(mode)
    assert stat.S_IMODE(mode) == 0o660


async def test_the_socket_is_gone_after_a_stop(path: Path) -> None:
    async with trio.open_nursery() as nursery:
        await nursery.start(functools.partial(serve_control, path, COMMANDS))
        assert await trio.Path(path).exists()
        nursery.cancel_scope.cancel()
    assert not await trio.Path(path).exists()


async def test_the_socket_of_a_dead_daemon_is_replaced(path: Path, nursery: trio.Nursery) -> None:
    with socket.socket(socket.AF_UNIX) as dead:
        dead.bind(str(path))
        dead.listen()
    await nursery.start(functools.partial(serve_control, path, COMMANDS))
    assert await asked(path, "pause") == {}


async def test_the_socket_of_a_live_daemon_is_left_alone(served: Path) -> None:
    with pytest.raises(OSError, match="another daemon") as failure:
        await refused(served)
    assert failure.value.errno == errno.EADDRINUSE
    assert await asked(served, "pause") == {}


async def test_a_file_that_is_no_socket_is_left_alone(path: Path) -> None:
    await trio.Path(path).write_text("precious")
    with pytest.raises(FileExistsError, match="no socket"):
        await refused(path)
    assert await trio.Path(path).read_text() == "precious"


async def test_a_symlink_is_not_followed(path: Path, tmp_path: Path) -> None:
    target = trio.Path(tmp_path / "target")
    await target.write_text("precious")
    await trio.Path(path).symlink_to(target)
    with pytest.raises(FileExistsError):
        await refused(path)
    assert await target.read_text() == "precious"


async def test_the_socket_of_a_successor_is_not_removed(path: Path) -> None:
    async with trio.open_nursery() as nursery:
        await nursery.start(functools.partial(serve_control, path, COMMANDS))
        await trio.Path(path).unlink()
        await trio.Path(path).write_text("another's")
        nursery.cancel_scope.cancel()
    assert await trio.Path(path).read_text() == "another's"


async def test_a_missing_folder_is_named_with_its_cure(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="folder does not exist"):
        await refused(tmp_path / "none" / "control.sock")


async def test_a_path_that_is_too_long_is_named(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="at most 107 octets"):
        await refused(tmp_path / ("x" * 120))


# ── the client where no good daemon is ───────────────────────────────────────────────────────


@pytest.fixture
def impostor(path: Path) -> Iterator[Callable[[bytes | None], None]]:
    """Something that listens, and answers with these octets, or never for None."""
    threads: list[threading.Thread] = []
    done = threading.Event()
    listener = socket.socket(socket.AF_UNIX)
    listener.settimeout(PATIENCE)
    listener.bind(str(path))
    listener.listen()

    def answer(octets: bytes | None) -> None:
        def run() -> None:
            connection, _ = listener.accept()
            with connection:
                connection.settimeout(PATIENCE)
                connection.recv(4096)
                if octets is None:
                    done.wait(PATIENCE)
                else:
                    connection.sendall(octets)

        threads.append(threading.Thread(target=run))
        threads[-1].start()

    yield answer
    done.set()
    for thread in threads:
        thread.join(PATIENCE)
    listener.close()


def test_no_socket_means_no_daemon(path: Path) -> None:
    with pytest.raises(ControlUnavailable, match=r"no daemon listens on .*start it") as caught:
        ask(path, "status")
    assert (caught.value.nobody, caught.value.heard) == (True, False)


def test_a_dead_socket_means_no_daemon(path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as dead:
        dead.bind(str(path))
    with pytest.raises(ControlUnavailable, match="no daemon listens on"):
        ask(path, "status")


def test_a_path_through_a_file_means_no_daemon(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(ControlUnavailable, match="no daemon listens on"):
        ask(tmp_path / "file" / "control.sock", "status")


def test_a_socket_not_ours_to_use_is_told_apart(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Closed(socket.socket):
        def connect(self, _address: object) -> None:
            raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr("smppd.control.asking.socket.socket", Closed)
    with pytest.raises(ControlUnavailable, match="may not read or write") as caught:
        ask(path, "status")
    assert (caught.value.nobody, caught.value.heard) == (False, False)


def test_a_path_too_long_for_a_socket_is_no_traceback(tmp_path: Path) -> None:
    with pytest.raises(ControlUnavailable, match="too long"):
        ask(tmp_path / ("x" * 120), "status")


def test_a_daemon_that_does_not_answer_in_time_is_given_up(
    path: Path, impostor: Callable[[bytes | None], None]
) -> None:
    impostor(None)
    with pytest.raises(ControlUnavailable, match=r"did not answer within 0\.1 s") as caught:
        ask(path, "status", timeout=0.1)
    assert (caught.value.nobody, caught.value.heard) == (False, True)


def test_a_daemon_that_hangs_up_may_be_stopping(
    path: Path, impostor: Callable[[bytes | None], None]
) -> None:
    impostor(b"")
    with pytest.raises(ControlUnavailable, match="without an answer") as caught:
        ask(path, "status")
    assert (caught.value.nobody, caught.value.heard) == (False, True)


@pytest.mark.parametrize(
    "octets",
    [b"HTTP/1.1 400 Bad Request\r\n", b"[]\n", b'{"ok": true}\n', b'{"ok": true, "result": 5}\n'],
)
def test_what_speaks_otherwise_is_told_apart(
    path: Path, impostor: Callable[[bytes | None], None], octets: bytes
) -> None:
    impostor(octets)
    with pytest.raises(ControlUnavailable, match="does not speak as smppd does") as caught:
        ask(path, "status")
    assert caught.value.heard


def test_an_argument_that_is_no_text_is_refused_before_it_is_sent(path: Path) -> None:
    with pytest.raises(ControlRefused, match="not UTF-8"):
        ask(path, "show", id=os.fsdecode(b"\xff"))
