"""`smppd template send`: what goes into the inbox, and what is refused before it does."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from smppd.cli import main
from smppd.spool.folders import prepare_root
from tests.cli.calling import CONFIG


@pytest.fixture
def inbox(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The inbox of a spool, with the configuration that names it in the environment."""
    file = tmp_path / "smppd.toml"
    file.write_text(CONFIG)
    monkeypatch.setenv("SMPPD_CONFIG", str(file))
    assert prepare_root(tmp_path / "spool") is None
    return tmp_path / "spool" / "inbox"


def handed_in(folder: Path) -> dict[str, object]:
    (file,) = (path for path in folder.iterdir() if path.is_file())
    assert file.name.startswith("template-")
    found: dict[str, object] = json.loads(file.read_bytes())
    return found


def test_a_template_goes_to_numbers_with_its_values(
    inbox: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["--to=+34600000001", "--to=+34600000002", "--param=name=Ana", "--param=city=Vigo"]
    more = ["--id=c-1", "--via=second", "--lane=bulk", "--expires=10m"]
    assert main(["template", "send", "1000", *words, *more]) == 0
    assert handed_in(inbox / "bulk") == {
        "template": "1000",
        "to": ["+34600000001", "+34600000002"],
        "params": {"name": "Ana", "city": "Vigo"},
        "id": "c-1",
        "via": "second",
        "expires": "10m",
    }
    assert capsys.readouterr().out.startswith("handed in as template-")


def test_a_template_goes_to_a_group(inbox: Path) -> None:
    assert main(["template", "send", "--group=7", "--country=34", "1000"]) == 0
    assert handed_in(inbox) == {"template": "1000", "group": "7", "country": "34"}


def test_a_value_may_come_from_a_file(inbox: Path, tmp_path: Path) -> None:
    (tmp_path / "name").write_text("Ana\n")
    words = ["--to=+34600000001", f"--param=name=@{tmp_path / 'name'}"]
    assert main(["template", "send", "1000", *words]) == 0
    assert handed_in(inbox)["params"] == {"name": "Ana"}


@pytest.mark.parametrize(
    ("words", "says"),
    [
        ([], "template send takes either --to or --group"),
        (["--to=+34600000001", "--group=7"], "template send takes either --to or --group"),
        (["--to=+34600000001", "--country=34"], "country: only goes with group"),
        (["--group=7"], "country: missing"),
        (["--group=7", "--country=34", "--param=name=Ana"], "params: a template to a group takes"),
        (["--to=+34600000001", "--param=name=a,b"], "params: "),
        (["--to=+34600000001", "--param=name"], "name: is no KEY=VALUE"),
        (["--to=0"], "(BAD_TO)"),
        (["--to=+34600000001", "--via=third"], "(BAD_VIA)"),
    ],
)
def test_what_would_be_rejected_is_refused_at_once(
    words: list[str], says: str, inbox: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["template", "send", "1000", *words]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert says in line
    assert [path for path in inbox.iterdir() if path.is_file()] == []


def test_a_template_without_an_account_is_refused(
    inbox: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "smppd.toml").write_text(CONFIG.split("[http.first]")[0])
    assert main(["template", "send", "1000", "--to=+34600000001"]) == 2
    assert "[http.NAME]" in capsys.readouterr().err
