"""What operators had a daemon do stands in its journal: who, when, what, and what came of it."""

from __future__ import annotations

import os
import signal
import sqlite3
from typing import TYPE_CHECKING, Any

import pytest

from smppd.control import ControlRefused, ask
from smppd.peers import name_of

if TYPE_CHECKING:
    from tests.e2e.conftest import Daemon, DaemonFactory

NUMBER = "34600000001"


def listed(daemon: Daemon, *words: str) -> list[dict[str, Any]]:
    code, told = daemon.command("operators", *words)
    assert code == 0, told
    found: list[dict[str, Any]] = told["commands"]
    return found


def test_each_command_that_changes_something_is_kept_with_who_and_outcome(
    daemon_factory: DaemonFactory,
) -> None:
    daemon = daemon_factory(1)  # nobody listens there
    daemon.start(bound=False)
    ask(daemon.control, "pause", links=["main"], reason=f"ask {NUMBER}")
    ask(daemon.control, "resume", all=True)
    with pytest.raises(ControlRefused):
        ask(daemon.control, "pause", links=["nobody"])
    change = [NUMBER, "*", 1, "asked us", True]
    ask(daemon.control, "optout", changes=[change])
    ask(daemon.control, "requeue", all=True)
    plain = daemon.config.read_text()
    daemon.config.write_text(plain.replace("[observe]", "window = 0\n[observe]"))
    assert ask(daemon.control, "reload")["refused"]
    daemon.config.write_text(plain)
    assert daemon.program.process is not None
    daemon.program.process.send_signal(signal.SIGHUP)
    daemon.wait(lambda: len(listed(daemon)) == 7, "all of them")
    daemon.kill()  # each was on disk before its answer

    rows = listed(daemon)[::-1]
    assert [(row["command"], row["outcome"]) for row in rows] == [
        ("pause", "done"),
        ("resume", "done"),
        ("pause", "refused"),
        ("optout", "done"),
        ("requeue", "done"),
        ("reload", "refused"),
        ("reload", "done"),
    ]
    assert {row["who"] for row in rows[:6]} == {name_of(os.getuid())}
    assert {row["uid"] for row in rows[:6]} == {os.getuid()}
    assert (rows[6]["who"], rows[6]["uid"]) == ("SIGHUP", None)
    assert rows[0]["what"].startswith("links main, reason ask 34")
    assert (rows[0]["told"], rows[1]["told"]) == ("paused main", "resumed main")
    assert "there is no link nobody" in rows[2]["told"]
    assert (rows[3]["what"], rows[3]["told"]) == ("changes 1", "changed 1")
    assert "link.main.window" in rows[5]["told"]
    with sqlite3.connect(daemon.folder / "journal.db") as journal:
        assert NUMBER not in str(journal.execute("SELECT * FROM operator_command").fetchall())

    assert [row["command"] for row in listed(daemon, "--command", "reload")] == ["reload"] * 2
    daemon.start(bound=False)
    ask(daemon.control, "requeue", all=True)
    assert [row["seq"] for row in listed(daemon, "--limit", "2")] == [8, 7]
    daemon.terminate()
