"""`smppd pause | resume | cancel --campaign`, through a running daemon whose link is not bound."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
import trio

from smppd.app import Surroundings
from smppd.cli import main
from smppd.cli.campaigns import Listed, in_words
from smppd.config import Config, load
from smppd.control import ask
from smppd.pipeline.campaigns import Campaigns
from tests.cli.one_link import configure
from tests.cli.rig import PATIENCE, living

COMMANDS = ("pause", "resume", "cancel")


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where the configuration is found."""
    configure(tmp_path, monkeypatch)
    file = tmp_path / "smppd.toml"
    file.write_text(file.read_text().replace("[link.main]", "[link.main]\nport = 9"))
    return tmp_path


@pytest.fixture
def daemon(folder: Path) -> Iterator[Path]:
    """The folder of a daemon that runs; its link stays without a session, so all waits."""
    config = load(folder / "smppd.toml")
    assert isinstance(config, Config), config
    with living(config, {"main": "secret"}, Surroundings()):
        yield folder


def hand_in(folder: Path, file: str, campaign: str = "", count: int = 3) -> None:
    """Hand a file in, and wait until it is read."""
    lines = [{"to": f"+3460000000{n}", "text": "Hola"} for n in range(count)]
    settings = [{"campaign": {"name": campaign}}] if campaign else []
    draft = folder / "spool" / "inbox" / "tmp" / file
    draft.write_text("".join(json.dumps(each) + "\n" for each in [*settings, *lines]))
    draft.rename(folder / "spool" / "inbox" / file)
    until = time.monotonic() + PATIENCE
    while not stands(folder, file).get("read"):
        assert time.monotonic() < until, f"{file} is not read"
        time.sleep(0.01)


def stands(folder: Path, file: str) -> dict[str, Any]:
    """How an open file stands."""
    found: list[dict[str, Any]] = ask(folder / "control.sock", "status")["campaigns"]
    return next((each for each in found if each["file"] == file), {})


class Said:
    """What a command said, and its exit code."""

    def __init__(self, capsys: pytest.CaptureFixture[str], *words: str) -> None:
        capsys.readouterr()
        self.code = main(words)
        told = capsys.readouterr()
        self.out, self.err = told.out.splitlines(), told.err.splitlines()


@pytest.mark.parametrize("command", COMMANDS)
def test_without_a_daemon_one_line_says_so(
    command: str, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    said = Said(capsys, command, "--campaign", "spring")
    assert (said.code, said.out) == (1, [])
    (line,) = said.err
    assert line.startswith(f"smppd: no daemon listens on {folder}/control.sock: start it")


@pytest.mark.parametrize("command", COMMANDS)
def test_a_campaign_is_named_by_more_than_nothing_and_alone(
    command: str, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for words in (["--campaign", ""], ["--campaign", "spring", "main"]):
        said = Said(capsys, command, *words)
        assert (said.code, said.out) == (2, [])
        (line,) = said.err
        assert "--campaign" in line


def test_a_campaign_is_paused_resumed_and_cancelled(
    daemon: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    hand_in(daemon, "a.jsonl", "spring")
    said = Said(capsys, "pause", "--campaign", "spring", "--reason", "wrong text")
    assert (said.code, said.err) == (0, [])
    (line,) = said.out
    assert line.startswith("campaign spring (a.jsonl) paused: 3 messages queued; wrong text (")
    assert stands(daemon, "a.jsonl")["held"].startswith("wrong text (")

    said = Said(capsys, "pause", "--campaign", "spring")
    assert (said.code, said.err) == (1, [])
    (line,) = said.out
    assert line.startswith("campaign spring (a.jsonl) was paused already: wrong text (")

    said = Said(capsys, "resume", "--campaign", "spring")
    assert (said.code, said.out) == (0, ["campaign spring (a.jsonl) resumed: 3 messages queued"])
    said = Said(capsys, "resume", "--campaign", "spring")
    assert (said.code, said.out) == (1, ["campaign spring (a.jsonl) was not held"])

    said = Said(capsys, "cancel", "--campaign", "spring")
    assert said.code == 0
    (line,) = said.out
    assert line.startswith("campaign spring (a.jsonl) cancelled: 3 messages queued; cancelled by ")


def test_a_reason_is_kept_on_one_line(daemon: Path, capsys: pytest.CaptureFixture[str]) -> None:
    hand_in(daemon, "a.jsonl", "spring")
    reason = " wrong\ttext\n\x1b[31m" + "x" * 9000
    said = Said(capsys, "pause", "--campaign", "spring", "--reason", reason)
    (line,) = said.out
    assert "; wrong text [31mxxx" in line
    assert len(line) < 600
    assert Said(capsys, "pause", "main", "--reason", reason).out == ["link main paused"]
    (link,) = ask(daemon / "control.sock", "status")["links"]
    assert link["paused"].startswith("wrong text [31mxxx")


def test_all_files_of_a_campaign_are_meant_by_its_name_and_one_by_its_own(
    daemon: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("a.jsonl", "b.jsonl"):
        hand_in(daemon, name, "spring")
    hand_in(daemon, "c.jsonl", count=2)
    said = Said(capsys, "pause", "--campaign", "b.jsonl", "--json")
    assert said.code == 0
    answer = json.loads("".join(said.out))
    assert [(each["file"], each["campaign"]) for each in answer["paused"]] == [
        ("b.jsonl", "spring")
    ]
    said = Said(capsys, "pause", "--campaign", "spring")
    assert said.code == 0, "one of them is paused now"
    assert [line.split(":")[0] for line in said.out] == [
        "campaign spring (a.jsonl) paused",
        "campaign spring (b.jsonl) was paused already",
    ]
    assert stands(daemon, "c.jsonl")["held"] == ""
    said = Said(capsys, "resume", "--campaign", "spring", "--json")
    assert [each["file"] for each in json.loads("".join(said.out))["resumed"]] == [
        "a.jsonl",
        "b.jsonl",
    ]
    said = Said(capsys, "pause", "--campaign", "c.jsonl")
    (line,) = said.out
    assert line.startswith("campaign c.jsonl paused: 2 messages queued; paused by hand (")


@pytest.mark.parametrize("command", COMMANDS)
def test_a_name_that_no_open_campaign_has_is_one_line_with_those_that_there_are(
    command: str, daemon: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    said = Said(capsys, command, "--campaign", "sprung")
    assert (said.code, said.out) == (1, [])
    (line,) = said.err
    assert line.startswith("smppd: no open campaign or file is called sprung; none is open")
    assert "smppd campaigns" in line, "what is over is shown there"
    hand_in(daemon, "a.jsonl", "spring")
    said = Said(capsys, command, "--campaign", "sprung")
    (line,) = said.err
    assert "sprung; open are spring" in line


def test_what_is_cancelled_cannot_go_on_and_is_over_soon(
    daemon: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    hand_in(daemon, "a.jsonl", "spring")
    assert Said(capsys, "cancel", "--campaign", "a.jsonl").code == 0
    done = daemon / "spool" / "done"
    until = time.monotonic() + PATIENCE
    while not (found := list(done.glob("*/a.jsonl.report.json"))):
        assert time.monotonic() < until, "not reported"
        time.sleep(0.01)
    assert json.loads(found[0].read_text())["states"] == {"cancelled": 3}
    for command in COMMANDS:  # it is no open campaign any more
        said = Said(capsys, command, "--campaign", "spring")
        assert said.code == 1
        assert "none is open" in said.err[0]


def test_what_was_cancelled_before_all_of_it_was_is_said_to_be(
    daemon: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    async def nothing(*_: object) -> None:
        await trio.lowlevel.checkpoint()

    monkeypatch.setattr(Campaigns, "_sweep", nothing)
    hand_in(daemon, "a.jsonl", "spring")
    assert Said(capsys, "cancel", "--campaign", "a.jsonl").code == 0
    who = stands(daemon, "a.jsonl")["held"].removeprefix("cancelled by ")
    said = {command: Said(capsys, command, "--campaign", "spring") for command in COMMANDS}
    assert [each.code for each in said.values()] == [1, 1, 1]
    assert [line for each in said.values() for line in each.out] == [
        f"campaign spring (a.jsonl) is cancelled, by {who}: nothing more of it leaves",
        f"campaign spring (a.jsonl) is cancelled, by {who}, and cannot go on: hand it in anew",
        f"campaign spring (a.jsonl) is cancelled already, by {who}",
    ]


def test_where_a_line_does_not_fit_names_stand_whole_above_their_figures() -> None:
    """A name is what `pause`, `cancel` and `report` take."""
    spring = Listed(
        "spring",
        "spring~2.csv",
        "sending",
        "2026-11-21T10:00:00.000Z",
        10,
        5,
        {"delivered": 4},
        "bulk",
        None,
        None,
    )
    alone = msgspec.structs.replace(spring, campaign="x.csv", file="x.csv")
    wide = list(in_words([spring, alone], 200))
    assert [line.split()[0] for line in wide] == ["campaign", "spring", "x.csv"]
    assert (
        list(in_words([spring, alone], max(map(len, wide))))
        == wide
        == list(in_words([spring, alone]))
    )
    narrow = list(in_words([spring, alone], 80))
    assert narrow == [
        "  handed in         state    messages  done  delivered  not  unknown  cost",
        "spring: spring~2.csv",
        "  2026-11-21 10:00  sending  10        50 %  4          0    0",
        "x.csv",
        "  2026-11-21 10:00  sending  10        50 %  4          0    0",
    ]
