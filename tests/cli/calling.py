"""A daemon whose provider answers what a test says, for commands that ask it to call."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest

from smppd.direct import Asked, told
from smppd.provider.answers import Answer, Success

CONFIG = """
[spool]
path = "spool"

[link.main]
host = "127.0.0.1"
system_id = "acme"
password_env = "SMPPD_TEST_PASSWORD"

[http.first]
user = "acme@example.net"
password_env = "SMPPD_TEST_PASSWORD"

[http.second]
user = "other@example.net"
password_env = "SMPPD_TEST_PASSWORD"
"""

BOOK = """
[contacts.book]
url = "https://api.example.net"
token_env = "SMPPD_TEST_PASSWORD"
"""

#: What the provider answers: a value, or what is raised instead of an answer.
Say = Answer | BaseException | Callable[[dict[str, Any]], Answer]


class Provider:
    """What the daemon was asked to call, and what the provider answers to each operation."""

    def __init__(self) -> None:
        self.asked: list[Asked] = []
        self.timeouts: list[float] = []
        self.says: dict[str, list[Say]] = {}

    def answer(self, op: str, *answers: Say) -> None:
        """Answer this operation so, the last one for ever."""
        self.says[op] = list(answers)

    def ask(self, _path: Path, command: str, timeout: float, **arguments: Any) -> dict[str, Any]:
        assert command == "api"
        self.timeouts.append(timeout)
        asked = msgspec.convert(arguments, Asked)
        self.asked.append(asked)
        answers = self.says.get(asked.op, [Success(b"null")])
        answer = answers.pop(0) if len(answers) > 1 else answers[0]
        if isinstance(answer, BaseException):
            raise answer
        if callable(answer):
            answer = answer(asked.args)
        said: dict[str, Any] = msgspec.to_builtins(told("first", answer))
        return said

    def lots(self) -> list[list[dict[str, str]]]:
        """The contacts of each addcontactlist."""
        lists = [each for each in self.asked if each.op == "group.addcontactlist"]
        return [json.loads(each.args["contacts"]) for each in lists]


def scripted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Provider:
    """Such a daemon, with the configuration that names its accounts in the environment."""
    file = tmp_path / "smppd.toml"
    file.write_text(CONFIG + BOOK)
    monkeypatch.setenv("SMPPD_CONFIG", str(file))
    made = Provider()
    monkeypatch.setattr("smppd.cli.caller.ask", made.ask)
    return made
