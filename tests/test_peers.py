"""Who may do what over the control socket: whoever opens it may look, few may change anything."""

from __future__ import annotations

import errno
import os
import pwd
import shutil
import socket
import struct
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import trio

from smppd.control import ask, serve_control
from smppd.control.serving import LOOK_EVERY, MOST_CONNECTIONS
from smppd.peers import LOOKING, Operators, Peer, name_of, peer_of

OPERATORS = Operators(uid=990, gid=4001, group="sms-operators")


@pytest.mark.parametrize(
    ("peer", "looks_only"),
    [
        (Peer(0, frozenset()), False),
        (Peer(990, frozenset()), False),
        (Peer(1000, frozenset({1000, 4001})), False),
        (Peer(1000, frozenset({1000, 990})), True),
        (Peer(1000, frozenset({0})), True),
    ],
)
def test_few_may_change_anything(peer: Peer, looks_only: bool) -> None:
    assert OPERATORS.refusal(peer, "status") == ""
    refused = OPERATORS.refusal(peer, "pause")
    assert bool(refused) is looks_only
    if looks_only:
        assert refused == (
            "this user (uid 1000) may look, and not pause: use sudo, or join the group sms-operators"
        )


def test_without_a_group_the_cure_names_the_key() -> None:
    refused = Operators(uid=990).refusal(Peer(1000, frozenset({1000})), "requeue")
    assert 'operators = "GROUP" in [observe]' in refused


def test_what_nobody_has_classed_is_for_operators() -> None:
    assert "status" in LOOKING
    assert OPERATORS.refusal(Peer(1000, frozenset()), "a command of tomorrow")


def test_the_kernel_says_who_is_there() -> None:
    one, other = socket.socketpair()
    with one, other:
        peer = peer_of(one.getsockopt)
    assert peer.uid == os.geteuid()
    assert peer.groups >= {os.getegid(), *os.getgroups()}


def test_a_user_of_very_many_groups_and_an_old_kernel() -> None:
    many = list(range(100, 400))

    def crowded(_level: int, option: int, size: int) -> bytes:
        if option == socket.SO_PEERCRED:
            return struct.pack("iII", 1, 1000, 7)
        if size < 4 * len(many):
            raise OSError(errno.ERANGE, "too small")
        return struct.pack(f"{len(many)}I", *many)

    def old(_level: int, option: int, _size: int) -> bytes:
        if option == socket.SO_PEERCRED:
            return struct.pack("iII", 1, 1000, 7)
        raise OSError(errno.ENOPROTOOPT, "no such option")

    assert peer_of(crowded) == Peer(1000, frozenset([7, *many]))
    assert peer_of(old) == Peer(1000, frozenset([7]))


# ── another user, for real ───────────────────────────────────────────────────────────────────

#: Asks as nobody, with these groups, and prints what it was told.
_ASK = """
import os, socket, sys
path, command, *groups = sys.argv[1:]
os.setgroups([int(each) for each in groups]); os.setgid(65534); os.setuid(65534)
with socket.socket(socket.AF_UNIX) as asking:
    asking.connect(path)
    asking.sendall(b'{"command": "%s"}\\n' % command.encode())
    print(asking.makefile().readline(), end="")
"""


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user")
async def test_a_member_looks_and_an_operator_commands(
    short_socket: Path, nursery: trio.Nursery
) -> None:
    done: list[str] = []

    async def status(_: dict[str, Any]) -> dict[str, Any]:
        await trio.lowlevel.checkpoint()
        return {"fine": True}

    async def pause(request: dict[str, Any]) -> None:
        await trio.lowlevel.checkpoint()
        done.append(request["who"])

    commands = {"status": status, "pause": pause}
    operators = Operators(uid=pwd.getpwnam("root").pw_uid, gid=4001, group="sms-operators")
    await nursery.start(serve_control, short_socket, commands, operators)
    os.chown(short_socket, -1, 4000)

    async def asked(command: str, *groups: int) -> str:
        words = [sys.executable, "-c", _ASK, str(short_socket), command, *map(str, groups)]
        ran = await trio.run_process(words, capture_stdout=True, capture_stderr=True, check=False)
        return ran.stdout.decode() or ran.stderr.decode().splitlines()[-1]

    assert "PermissionError" in await asked("status")
    assert await asked("status", 4000) == '{"ok":true,"result":{"fine":true}}\n'
    assert "may look, and not pause" in await asked("pause", 4000)
    assert done == []
    assert await asked("pause", 4000, 4001) == '{"ok":true,"result":{}}\n'
    assert done == [name_of(65534)]
    nursery.cancel_scope.cancel()


@pytest.fixture
def short_socket() -> Iterator[Path]:
    """Where everybody may go, up to the socket itself."""
    folder = Path(f"/tmp/smppd-peers-{os.getpid()}")
    folder.mkdir(mode=0o755)
    yield folder / "control.sock"
    shutil.rmtree(folder)


#: Keeps as many connections open as there may be, says nothing, and ends with its standard input.
_CROWD = """
import os, socket, sys
os.setgroups([4000]); os.setgid(65534); os.setuid(65534)
crowd = [socket.socket(socket.AF_UNIX) for _ in range(int(sys.argv[2]) + 1)]
for each in crowd:
    each.connect(sys.argv[1])
print(crowd[-1].makefile().readline(), end="", flush=True)
sys.stdin.read()
"""


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user")
async def test_those_who_look_keep_nobody_out_who_commands(
    short_socket: Path, nursery: trio.Nursery
) -> None:
    async def pause(_: dict[str, Any]) -> None:
        await trio.lowlevel.checkpoint()

    await nursery.start(serve_control, short_socket, {"pause": pause}, Operators(gid=4001))
    os.chown(short_socket, -1, 4000)
    crowd = [sys.executable, "-c", _CROWD, str(short_socket), str(MOST_CONNECTIONS)]
    process = await trio.lowlevel.open_process(crowd, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert process.stdin is not None
    assert process.stdout is not None
    async with process.stdin, process.stdout:
        assert b"too many connections" in await process.stdout.receive_some()
        assert await trio.to_thread.run_sync(ask, short_socket, "pause") == {}
    await process.wait()
    nursery.cancel_scope.cancel()


#: Asks over and over on several connections, and prints how many answers it had within so many seconds; then
#: what it is told of a long line.
_FLOOD = """
import os, select, socket, sys, time
os.setgroups([4000]); os.setgid(65534); os.setuid(65534)
crowd = [socket.socket(socket.AF_UNIX) for _ in range(8)]
for each in crowd:
    each.connect(sys.argv[1])
    each.sendall(b'{"command": "status"}\\n' * 500)
until, answers = time.monotonic() + 1, 0
while (left := until - time.monotonic()) > 0:
    for each in select.select(crowd, [], [], left)[0]:
        answers += each.recv(65536).count(b"\\n")
print(answers)
with socket.socket(socket.AF_UNIX) as asking:
    asking.connect(sys.argv[1])
    asking.sendall(b'{"command": "status", "a": "' + b"x" * 8192)
    print(asking.makefile().readline(), end="")
"""


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user")
async def test_those_who_look_are_answered_seldom_and_say_little(
    short_socket: Path, nursery: trio.Nursery
) -> None:
    async def status(_: dict[str, Any]) -> None:
        await trio.lowlevel.checkpoint()

    await nursery.start(serve_control, short_socket, {"status": status}, Operators(gid=4001))
    os.chown(short_socket, -1, 4000)
    words = [sys.executable, "-c", _FLOOD, str(short_socket)]
    ran = await trio.run_process(words, capture_stdout=True)
    answers, refusal = ran.stdout.decode().splitlines()
    assert 1 <= int(answers) <= 1 / LOOK_EVERY + 2
    assert "a request has at most 4096 octets" in refusal
    nursery.cancel_scope.cancel()
