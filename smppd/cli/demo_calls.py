"""The demo's second act: the provider's HTTP API, with the commands and files of every day.

A group with contacts, a template to all of them with what became of each, and a chat: a message
that comes in, its answer, and the reply to that. Each command is a process of its own, as a user
would start it; what it prints is shown as it comes.
"""

from __future__ import annotations

import json
import os
import re
import shlex
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from smppd.cli.stage import CUSTOMER, REPLY, TEMPLATE, Stage
from smppd.cli.terminal import CommandError, Terminal

_PEOPLE = ("Ana", "Bruno", "Carla", "Diego", "Elena")
_ANSWER = "Yes, until eight"
_WAIT = ("--wait", "--timeout", "30s")
#: Seconds for a chat message to come in.
_PATIENCE = 20.0
_LOOK_EVERY = 0.1
_SHOWN_RESULTS = 2


def play(place: Stage, terminal: Terminal) -> None:
    """Show it all. Raises `CommandError` when anything comes out otherwise than it should."""
    _Act(place, terminal).play()


class _Act:
    def __init__(self, place: Stage, terminal: Terminal) -> None:
        self._place = place
        self._terminal = terminal

    def play(self) -> None:
        self._say("")
        self._say(
            "Over the provider's HTTP API: a group with contacts, and a template to all of it"
        )
        self._send_to_group(self._make_group())
        self._say("")
        self._say("A customer has written in a chat; his message is fetched into received/new/")
        self._chat()

    # ── a group ──────────────────────────────────────────────────────────────────────────────

    def _make_group(self) -> str:
        file = self._place.folder / "contacts.csv"
        rows = [f"3460000001{number},{name}" for number, name in enumerate(_PEOPLE)]
        file.write_text("\n".join(["mobile,name", *rows, ""]))
        said = self._run("group", "create", "demo", "--load", str(file))
        return self._found(r"group demo is made: (\d+)", said)

    def _send_to_group(self, idgroup: str) -> None:
        send = ("template", "send", TEMPLATE, "--group", idgroup, "--country", "34")
        path = Path(self._found(r"results in (.+)", self._run(*send, *_WAIT)))
        results = path.read_text().splitlines()
        for line in results[:_SHOWN_RESULTS]:
            self._say(f"  {line}")
        states = [json.loads(line)["state"] for line in results]
        if states != ["delivered"] * len(_PEOPLE):
            raise CommandError(f"the template should be delivered to all of the group: see {path}")

    # ── a chat ───────────────────────────────────────────────────────────────────────────────

    def _chat(self) -> None:
        self._receive(1)
        self._run("chat", "list")
        self._run("chat", "answer", CUSTOMER, _ANSWER, *_WAIT)
        letters = self._receive(2)
        self._run("chat", "read", CUSTOMER)
        if letters[1]["text"] != REPLY:
            raise CommandError(f"the customer's reply should be {REPLY}, not {letters[1]['text']}")

    def _receive(self, count: int) -> list[dict[str, Any]]:
        """Wait until so many messages have come in, show the newest, and return all."""
        folder, until = self._place.spool / "received" / "new", time.monotonic() + _PATIENCE
        while len(paths := sorted(folder.glob("*.json"))) < count:
            self._place.check_alive()
            if time.monotonic() > until:
                raise CommandError(f"no chat message came in within {_PATIENCE:g} s")
            time.sleep(_LOOK_EVERY)
        self._say(f"  {paths[-1]}")
        self._say(f"  {paths[-1].read_text().rstrip()}")
        letters: list[dict[str, Any]] = [json.loads(path.read_bytes()) for path in paths]
        if len(letters) > count:
            raise CommandError(f"{len(letters)} messages came in where {count} were written")
        return letters

    # ── commands ─────────────────────────────────────────────────────────────────────────────

    def _run(self, *words: str) -> str:
        """Run a command, show what it says, and return that."""
        self._say(f"$ smppd {shlex.join(words)}")
        said = []
        with _started(words, self._place.config) as process:
            try:
                assert process.stdout is not None
                for line in process.stdout:
                    said.append(line)
                    self._say(f"  {line.rstrip()}")
            except BaseException:
                process.kill()
                raise
        if process.returncode:
            raise CommandError(f"smppd {words[0]} {words[1]} ended with {process.returncode}")
        return "".join(said)

    @staticmethod
    def _found(pattern: str, said: str) -> str:
        found = re.search(pattern, said)
        if found is None:
            raise CommandError(f"a command did not say what it should: {said.strip()}")
        return found[1]

    def _say(self, line: str) -> None:
        self._terminal.say(line)
        self._terminal.flush()


def _started(words: Sequence[str], config: Path) -> subprocess.Popen[str]:
    return subprocess.Popen(  # noqa: S603 (our own words)
        [sys.executable, "-m", "smppd", *words],
        env=os.environ | {"SMPPD_CONFIG": str(config), "PYTHONUNBUFFERED": "1"},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        encoding="utf-8",
        errors="replace",
    )
