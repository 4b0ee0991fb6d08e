"""The words of a command line: in any order, and as KEY=VALUE pairs."""

from __future__ import annotations

import io
from pathlib import Path

import pytest

from smppd.cli.terminal import CommandError
from smppd.cli.words import Parser, pairs


def test_words_may_stand_between_options() -> None:
    parser = Parser()
    parser.add_argument("name")
    parser.add_argument("more", nargs="*")
    parser.add_argument("--via")
    parser.add_argument("--json", action="store_true")
    found = parser.parse_args(["--json", "a", "b=1", "--via", "main", "c=2"])
    assert (found.name, found.more, found.via, found.json) == ("a", ["b=1", "c=2"], "main", True)


def test_words_may_stand_between_the_options_of_a_command_below() -> None:
    parser = Parser(prog="x")
    parser.add_argument("--config")
    commands = parser.add_subparsers(dest="command", required=True)
    load = commands.add_parser("load")
    load.add_argument("group")
    load.add_argument("file")
    load.add_argument("--lot", type=int)
    found = parser.parse_args(["--config", "f", "load", "7", "--lot", "5", "x.csv"])
    assert (found.config, found.command, found.group, found.file, found.lot) == (
        "f",
        "load",
        "7",
        "x.csv",
        5,
    )


def test_a_value_is_all_that_follows_the_first_equals_sign() -> None:
    given = ["sms=a=b", "from=", "to=@@home", "x=-1", "name=ñ @ -"]
    assert pairs(given) == {"sms": "a=b", "from": "", "to": "@home", "x": "-1", "name": "ñ @ -"}


def test_values_come_from_files_and_standard_input(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = tmp_path / "text"
    text.write_bytes("\ufeffHola ñ\n\n".encode())
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(b"[1]\r\n")))
    assert pairs([f"sms=@{text}", "contacts=-"]) == {"sms": "Hola ñ\n", "contacts": "[1]"}


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["idgroup"], "idgroup: is no KEY=VALUE"),
        (["=7"], "=7: is no KEY=VALUE"),
        (["to=1", "from=x", "to=1"], "to: given twice"),
        (["a=-", "b=-"], "b: standard input is read for a already"),
        (["sms=@/nowhere/x"], "sms: /nowhere/x cannot be read: No such file or directory"),
        (["sms=@/"], "sms: / cannot be read: Is a directory"),
        (["sms=\udcff"], "sms: is not UTF-8: check the terminal's locale"),
    ],
)
def test_what_cannot_be_meant_is_wrong_use(
    words: list[str], says: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(b"text")))
    with pytest.raises(CommandError) as caught:
        pairs(words)
    assert (str(caught.value), caught.value.exit_code) == (says, 2)


def test_a_file_must_be_utf_8(tmp_path: Path) -> None:
    text = tmp_path / "text"
    text.write_bytes(b"Hola \xf1")
    with pytest.raises(CommandError, match=r"is not UTF-8 \(octet 6\): convert it"):
        pairs([f"sms=@{text}"])
