"""`smppd pause` and `smppd resume`: what is asked of the daemon and what is said of its answer."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from smppd.cli import main
from smppd.control import ControlRefused

CONFIG = """
[link.main]
host = "127.0.0.1"
system_id = "acme"
password_env = "SMPPD_TEST_PASSWORD"
"""


class Daemon:
    """What the daemon was asked; what it answers."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, dict[str, Any]]] = []
        self.answer: dict[str, Any] = {}

    def ask(self, _path: Path, command: str, _timeout: float, **arguments: Any) -> dict[str, Any]:
        self.asked.append((command, arguments))
        if not self.answer:
            raise ControlRefused("there is no link mian; there are main")
        return self.answer


@pytest.fixture
def daemon(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Daemon:
    file = tmp_path / "smppd.toml"
    file.write_text(CONFIG)
    monkeypatch.setenv("SMPPD_CONFIG", str(file))
    made = Daemon()
    monkeypatch.setattr("smppd.cli.asking.ask", made.ask)
    return made


def test_links_are_paused_with_a_reason(daemon: Daemon, capsys: pytest.CaptureFixture[str]) -> None:
    daemon.answer = {"paused": ["main"], "unchanged": ["other"]}
    assert main(["pause", "main", "other", "--reason", "maintenance"]) == 0
    arguments = {"links": ["main", "other"], "all": False, "reason": "maintenance"}
    assert daemon.asked == [("pause", arguments)]
    assert capsys.readouterr().out.splitlines() == [
        "link main paused",
        "link other was paused already",
    ]


def test_all_links_are_resumed(daemon: Daemon, capsys: pytest.CaptureFixture[str]) -> None:
    daemon.answer = {"resumed": ["main"], "unchanged": ["other"]}
    assert main(["resume", "--all"]) == 0
    assert daemon.asked == [("resume", {"links": [], "all": True})]
    told = capsys.readouterr().out.splitlines()
    assert told == ["link main resumed", "link other was not paused"]


def test_when_nothing_changed_the_exit_code_says_so(
    daemon: Daemon, capsys: pytest.CaptureFixture[str]
) -> None:
    daemon.answer = {"resumed": [], "unchanged": ["main"]}
    assert main(["resume", "main"]) == 1
    assert capsys.readouterr().out.splitlines() == ["link main was not paused"]
    assert main(["resume", "main", "--json"]) == 1
    assert json.loads(capsys.readouterr().out) == daemon.answer


@pytest.mark.parametrize("words", [["pause"], ["pause", "main", "--all"], ["resume"]])
def test_which_links_must_be_said_once(
    daemon: Daemon, words: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(words) == 2
    assert daemon.asked == []
    assert "takes either NAMEs or --all" in capsys.readouterr().err


def test_a_link_that_is_not_there_is_one_line(
    daemon: Daemon, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["pause", "mian"]) == 1
    assert capsys.readouterr().err.splitlines() == ["smppd: there is no link mian; there are main"]
