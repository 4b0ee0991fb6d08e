"""Hooks: real commands, whatever they do, bounded."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
import trio

from smppd.config import HookConfig
from smppd.outlets.happenings import Happening
from smppd.outlets.hook import Hook
from smppd.running import Bounds, run_command

BOUNDS = Bounds(10.0, 10_000)


def alive_in_group(group: int) -> list[str]:
    """The processes of a group that have not ended."""
    found = []
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = path.read_text().rpartition(")")[2].split()
        except OSError:
            continue
        if fields[2] == str(group) and fields[0] != "Z":
            found.append(path.parent.name)
    return found


def is_gone(group: int) -> bool:
    """Whether all of a group end, which they do a moment after they were killed."""
    until = time.monotonic() + 10
    while alive_in_group(group):
        if time.monotonic() > until:
            return False
        time.sleep(0.01)
    return True


class Tray:
    """What was put aside, and why."""

    def __init__(self) -> None:
        self.lots: list[tuple[list[int], str]] = []

    @property
    def count(self) -> int:
        return sum(len(seqs) for seqs, _ in self.lots)

    async def put(self, lot: Sequence[Happening], reason: str) -> None:
        await trio.lowlevel.checkpoint()
        self.lots.append(([each.seq for each in lot], reason))


def happening(seq: int, key: object = None) -> Happening:
    told = {
        "seq": seq,
        "event_id": f"e{seq}",
        "event": "delivered",
        "id": "a",
        "state": "delivered",
    }
    return Happening(
        seq, 0, "delivered", seq if key is None else key, 1.0, json.dumps(told).encode()
    )


def script(code: str, *more: str) -> tuple[str, ...]:
    return (sys.executable, "-c", code, *more)


def hook(tray: Tray, *command: str, **keys: Any) -> Hook:
    config = HookConfig(name="crm", command=command, **({"retry_min": 0.01} | keys))
    return Hook(config, tray, lambda: 0.5)


# ── one command ──────────────────────────────────────────────────────────────────────────────────


async def test_a_command_gets_its_input_and_a_bare_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SMPP_PASSWORD", "hush")
    out = tmp_path / "out"
    code = (
        "import os, sys, json; json.dump([sys.stdin.read(), dict(os.environ), sys.argv[2:]],"
        " open(sys.argv[1], 'w'))"
    )
    command = script(code, str(out), "$(id)", "a b")
    ran = await run_command(command, b"{}\n", {"SMPPD_ID": "7"}, BOUNDS)
    assert (ran.problem, ran.started) == ("", True)
    given, environment, arguments = json.loads(out.read_text())
    assert given == "{}\n"
    assert environment["SMPPD_ID"] == "7"
    assert "SMPP_PASSWORD" not in environment
    assert arguments == ["$(id)", "a b"]


async def test_a_value_without_end_keeps_no_command_from_being_run(tmp_path: Path) -> None:
    """What a member of the group wrote would hold up every event behind it."""
    tray, out = Tray(), tmp_path / "out"
    code = "import os, sys; open(sys.argv[1], 'w').write(os.environ['SMPPD_TO'])"
    told = {"seq": 1, "event_id": "e1", "event": "failed", "to": "9" * 200_000, "id": "a" * 200_000}
    long = Happening(1, 0, "failed", 1, 1.0, json.dumps(told).encode())
    assert await hook(tray, *script(code, str(out))).deliver([long]) is None
    assert out.read_text() == "9" * 1024
    assert tray.count == 0


async def test_a_command_that_never_ends_is_killed_with_its_children(tmp_path: Path) -> None:
    pid = tmp_path / "pid"
    code = (
        "import os, signal, subprocess, sys, time; signal.signal(signal.SIGTERM, signal.SIG_IGN);"
        "subprocess.Popen(['sleep', '1000']); open(sys.argv[1], 'w').write(str(os.getpid()));"
        "time.sleep(1000)"
    )
    ran = await run_command(script(code, str(pid)), b"", {}, Bounds(1.0, 1000))
    assert ran.problem == "it did not end within 1 s"
    assert is_gone(int(pid.read_text()))


async def test_a_command_that_prints_forever_is_ended() -> None:
    began = time.monotonic()
    ran = await run_command(("/usr/bin/yes",), b"", {}, BOUNDS)
    assert ran.problem == "it said more than 10000 octets"
    assert time.monotonic() - began < 5


async def test_what_a_command_leaves_behind_holds_nobody_up() -> None:
    code = "import subprocess; subprocess.Popen(['sleep', '3'])"
    began = time.monotonic()
    ran = await run_command(script(code), b"x" * 1_000_000, {}, BOUNDS)
    assert ran.problem == ""
    assert time.monotonic() - began < 2.5


async def test_how_a_command_ended_is_told_with_its_last_line() -> None:
    ran = await run_command(script("print('first'); print('no\\nroute'); exit(3)"), b"", {}, BOUNDS)
    assert (ran.problem, ran.said) == ("exit code 3", "route")
    ran = await run_command(script("import os; os.kill(os.getpid(), 9)"), b"", {}, BOUNDS)
    assert ran.problem == "ended by SIGKILL"


async def test_a_command_that_is_not_there_is_told(tmp_path: Path) -> None:
    ran = await run_command(("/nowhere/x",), b"", {}, BOUNDS)
    assert not ran.started
    assert ran.problem == "/nowhere/x cannot be run: No such file or directory"
    (tmp_path / "x").write_text("#!/bin/sh\n")
    assert not (await run_command((str(tmp_path / "x"),), b"", {}, BOUNDS)).started


async def test_a_command_is_killed_when_nobody_waits_any_more(tmp_path: Path) -> None:
    pid = tmp_path / "pid"
    code = "import os, sys, time; open(sys.argv[1], 'w').write(str(os.getpid())); time.sleep(1000)"
    with trio.move_on_after(1):
        await run_command(script(code, str(pid)), b"", {}, BOUNDS)
    assert is_gone(int(pid.read_text()))


# ── hooks ────────────────────────────────────────────────────────────────────────────────────────

APPEND = (
    "import json, sys; told = json.load(sys.stdin);"
    "open(sys.argv[1], 'a').write(f\"{told['seq']} \")"
)


async def test_events_of_a_message_come_in_order(tmp_path: Path) -> None:
    tray, out = Tray(), tmp_path / "out"
    lot = [happening(seq, "one message") for seq in range(1, 7)]
    assert await hook(tray, *script(APPEND, str(out))).deliver(lot) is None
    assert out.read_text().split() == [str(seq) for seq in range(1, 7)]
    assert tray.lots == []


async def test_no_more_run_at_once_than_may(tmp_path: Path) -> None:
    out = tmp_path / "out"
    code = (
        "import sys, time; f = open(sys.argv[1], 'a'); f.write('+'); f.flush(); time.sleep(0.3);"
        "f.write('-'); f.flush()"
    )
    found = hook(Tray(), *script(code, str(out)), concurrency=2)
    assert await found.deliver([happening(seq) for seq in range(1, 6)]) is None
    running = most = 0
    for each in out.read_text():
        running += 1 if each == "+" else -1
        most = max(most, running)
    assert (most, running) == (2, 0)


async def test_what_fails_is_tried_again_and_then_put_aside(tmp_path: Path) -> None:
    tray, out = Tray(), tmp_path / "out"
    code = APPEND + "; exit(4 if told['seq'] == 2 else 0)"
    lot = [happening(1), happening(2, "m"), happening(3, "m")]
    assert await hook(tray, *script(code, str(out)), attempts=3).deliver(lot) is None
    assert sorted(out.read_text().split()) == ["1", "2", "2", "2", "3"]
    assert tray.lots == [([2], "exit code 4")]


async def test_a_command_that_cannot_be_run_is_waited_for(tmp_path: Path) -> None:
    tray, out, command = Tray(), tmp_path / "out", tmp_path / "on-event"
    found = hook(tray, str(command))
    trouble = await found.deliver([happening(1), happening(2)])
    assert trouble is not None
    assert not trouble.refused
    assert "cannot be run" in trouble.reason
    command.write_text(f"#!/bin/sh\ncat >> {out}\n")
    command.chmod(0o755)
    assert await found.deliver([happening(1), happening(2)]) is None
    assert sorted(json.loads(line)["seq"] for line in out.read_text().splitlines()) == [1, 2]
    assert tray.lots == []
