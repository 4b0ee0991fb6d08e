"""The command line itself: what it takes, what it refuses, and with which exit code."""

from __future__ import annotations

import io
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from smppd import __version__
from smppd.cli import COMMANDS, main
from smppd.cli.terminal import Terminal

THREE_MISTAKES = """
[spool]
path = "spool"
polling = 1

[link.main]
host = "smpp.example.net:2775"
system_id = "acme"
password_file = "password"
window = "ten"
"""


def test_version_and_help_are_done(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--version"]) == 0
    assert capsys.readouterr().out == f"smppd {__version__}\n"
    assert main(["--help"]) == 0
    shown = capsys.readouterr().out
    assert all(purpose.split()[0] in shown for purpose in COMMANDS.values())


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_explains_itself(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([name, "--help"]) == 0
    shown = capsys.readouterr().out
    assert f"smppd {name}" in shown
    assert "--config" in shown


@pytest.mark.parametrize(
    "words",
    [
        [],
        ["fly"],
        ["status", "--speed"],
        ["show"],
        ["--conf", "x", "status"],
        ["demo", "--messages=0"],
    ],
)
def test_wrong_use_gives_2(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(words) == 2
    assert "usage: smppd" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("stat", "smppd: error: there is no command 'stat'; did you mean \"status\"?"),
        ("fly", "smppd: error: there is no command 'fly'; smppd --help lists what there is"),
        ("optout lst", "smppd optout: error: there is no command 'lst'; did you mean \"list\"?"),
        ("status --jsn=1", "smppd status: error: unrecognized arguments: --jsn=1; did you mean \"--json\"?"),
        ("optout list --sendr x", "smppd optout list: error: unrecognized arguments: --sendr; did you mean \"--sender\"?"),
        ("--confg x status", "smppd: error: there is no command 'x'; smppd --help lists what there is"),
        ("status here", "smppd status: error: unrecognized arguments: here"),
    ],
)  # fmt: skip
def test_a_slip_is_told_by_the_command_it_was_made_in(
    words: str, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(words.split()) == 2
    usage, *_, last = capsys.readouterr().err.splitlines()
    assert last == said
    assert usage.startswith(f"usage: {said.partition(':')[0]} ")


@pytest.mark.parametrize(
    "words",
    [
        ["run"],
        ["check"],
        ["submit", "--to=+34600000001", "--text=Hola"],
        ["status"],
        ["show", "x"],
        ["audit"],
        ["requeue", "x"],
    ],
)
def test_every_mistake_in_the_configuration_is_told_on_a_line(
    words: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "smppd.toml"
    file.write_text(THREE_MISTAKES)
    assert main([*words, "--config", str(file)]) == 2
    told = capsys.readouterr()
    assert told.out == ""
    lines = [line.split(": ") for line in told.err.splitlines()]
    assert {line[0] for line in lines} == {str(file)}
    assert sorted(line[1] for line in lines) == [
        "link.main.host",
        "link.main.window",
        "spool.polling",
    ]


def test_the_configuration_is_named_before_or_after_the_command_or_in_the_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    file = str(tmp_path / "absent.toml")
    assert main(["--config", file, "status"]) == 2
    assert main(["status", "--config", file]) == 2
    assert main(["--config", "other.toml", "status", "--config", file]) == 2
    monkeypatch.setenv("SMPPD_CONFIG", file)
    assert main(["status"]) == 2
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 4
    assert all(line.startswith(f"{file}: cannot be read") for line in lines)


def test_a_reader_who_leaves_is_no_traceback(tmp_path: Path) -> None:
    file = tmp_path / "smppd.toml"
    file.write_text('[link.main]\nhost = "127.0.0.1"\nsystem_id = "a"\npassword_env = "NONE"\n')
    read, write = os.pipe()
    os.close(read)
    words = [sys.executable, "-m", "smppd", "check", "--config", str(file)]
    done = subprocess.run(words, stdout=write, stderr=subprocess.PIPE, check=False)
    os.close(write)
    assert (done.returncode, done.stderr) == (1, b"")


@pytest.mark.parametrize(("encoding", "kept"), [("utf-8", True), ("latin-1", False)])
def test_json_stays_json_whatever_is_in_it(
    encoding: str, kept: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    octets = io.BytesIO()
    monkeypatch.setattr("sys.stdout", io.TextIOWrapper(octets, encoding=encoding))
    value = {"plain": "ñ", "emoji": "🎉"}
    hidden = {"soft hyphen": "\xad", "tag": "\U000e0001", "bell": "\x07"}
    Terminal().say_json(value)
    Terminal().say_json(hidden)
    Terminal().say("🎉\x07")
    Terminal().flush()
    shown = octets.getvalue().decode(encoding)
    assert ("🎉" in shown) is kept
    assert shown.replace("\n", "").isprintable()
    first, second, line = re.split(r"(?<=})\n", shown)
    assert json.loads(first) == value
    assert json.loads(second) == hidden
    assert line == ("🎉\\x07\n" if kept else "\\U0001f389\\x07\n")


def test_a_command_loads_only_its_own_module() -> None:
    code = (
        "import sys; from smppd.cli import main; main(['status', '--config', '/nonexistent']);"
        "sys.exit(any(name in sys.modules for name in ('rich', 'sqlite3', 'smppd.app')))"
    )
    words = [sys.executable, "-c", code]
    assert subprocess.run(words, stderr=subprocess.DEVNULL, check=False).returncode == 0


def test_closed_output_is_no_fault_of_ours(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdout", None)
    monkeypatch.setattr(sys, "stderr", None)
    assert main(["check", "--config", "/nowhere/smppd.toml"]) == 2
    sys.stdout.close()
    sys.stderr.close()
