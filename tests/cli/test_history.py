"""`smppd api --history`: the log of calls in the journal, read beside whoever has it open."""

from __future__ import annotations

import json
from contextlib import closing
from pathlib import Path

import pytest

from smppd.cli import main
from smppd.cli.history import in_words
from smppd.journal.store import Batch, open_store
from smppd.ports import ApiCall

CONFIG = """
[journal]
path = "journal.db"

[link.main]
host = "127.0.0.1"
system_id = "acme"
password_env = "SMPPD_TEST_PASSWORD"
"""

CALLS = [
    ApiCall(1000.25, "a", "sms.sendsms", '{"to":"34…01"}', "SUCCESS", '{"messageid":"7"}', 0.25),
    ApiCall(2000.0, "b", "sms.sendsms", '{"to":"34…02"}', "NO_CREDITS", "Your balance …", 1.5),
    ApiCall(3000.0, "a", "chat.getchats", "{}", "NO_ANSWER", "timed out", 30.0),
]


@pytest.fixture
def journal(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The journal that the configuration names, with these calls."""
    file = tmp_path / "smppd.toml"
    file.write_text(CONFIG)
    monkeypatch.setenv("SMPPD_CONFIG", str(file))
    with closing(open_store(tmp_path / "journal.db")) as store:
        store.commit(Batch(calls=list(CALLS)))
    return tmp_path / "journal.db"


def listed(capsys: pytest.CaptureFixture[str], *words: str) -> list[str]:
    """The operations and accounts of the calls that are shown, in order."""
    assert main(["api", "--history", "--json", *words]) == 0
    found = json.loads(capsys.readouterr().out)
    return [f"{each['account']} {each['op']}" for each in found]


@pytest.mark.usefixtures("journal")
def test_the_newest_come_first_and_filters_choose(capsys: pytest.CaptureFixture[str]) -> None:
    assert listed(capsys) == ["a chat.getchats", "b sms.sendsms", "a sms.sendsms"]
    assert listed(capsys, "--limit=1") == ["a chat.getchats"]
    assert listed(capsys, "--account", "a") == ["a chat.getchats", "a sms.sendsms"]
    assert listed(capsys, "--op=sms.sendsms") == ["b sms.sendsms", "a sms.sendsms"]
    assert listed(capsys, "sms.sendsms") == ["b sms.sendsms", "a sms.sendsms"]
    assert listed(capsys, "--failed") == ["a chat.getchats", "b sms.sendsms"]
    assert listed(capsys, "--failed", "--account=a") == ["a chat.getchats"]
    assert listed(capsys, "--since=1970-01-01T00:33:20") == ["a chat.getchats", "b sms.sendsms"]
    assert listed(capsys, "--since=1970-01-01T01:50:00+01:00") == ["a chat.getchats"]
    assert listed(capsys, "--since=2h") == []


@pytest.mark.usefixtures("journal")
def test_people_see_a_table(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["api", "--history", "--account=a"]) == 0
    assert [line.split() for line in capsys.readouterr().out.splitlines()] == [
        ["time", "account", "operation", "outcome", "seconds", "parameters", "answer"],
        [
            *("1970-01-01T00:50:00.000Z", "a", "chat.getchats", "NO_ANSWER", "30.00", "{}"),
            *("timed", "out"),
        ],
        [
            *("1970-01-01T00:16:40.250Z", "a", "sms.sendsms", "SUCCESS", "0.25"),
            *('{"to":"34…01"}', '{"messageid":"7"}'),
        ],
    ]
    assert main(["api", "--history", "--account=nobody"]) == 0
    assert capsys.readouterr().out == "no such call is in the log\n"


def test_a_terminal_that_is_too_narrow_shows_what_was_asked_below_each_call() -> None:
    wide = [*CALLS, CALLS[0]._replace(params="p" * 200, answer="two\nlines")]
    lines = list(in_words(wide, 80))
    assert max(map(len, lines)) <= 80
    assert lines[0].split() == ["time", "account", "operation", "outcome", "seconds"]
    assert lines[-2:] == [f"  parameters  {'p' * 65}…", "  answer      two lines"]
    assert lines[1].endswith("SUCCESS     0.25")
    assert lines[2:4] == ['  parameters  {"to":"34…01"}', '  answer      {"messageid":"7"}']
    narrow = list(in_words(wide, 40))
    assert narrow[1] == lines[1]  # what came of it is never cut
    assert len(narrow[-2]) == 40
    assert len(list(in_words(wide, 300))) == len(list(in_words(wide))) == 1 + len(wide)


@pytest.mark.usefixtures("journal")
def test_a_filter_without_the_history_is_wrong_use(capsys: pytest.CaptureFixture[str]) -> None:
    for words in (["--since=2h"], ["--failed"], ["--account=a"], ["--op=sms.sendsms"]):
        assert main(["api", "chat.getchatchannels", *words]) == 2
        assert "choose what --history shows" in capsys.readouterr().err


@pytest.mark.usefixtures("journal")
def test_programs_get_all_of_a_call(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["api", "--history", "--json", "--account=b"]) == 0
    assert json.loads(capsys.readouterr().out) == [
        {
            "at": "1970-01-01T00:33:20.000Z",
            "account": "b",
            "op": "sms.sendsms",
            "params": {"to": "34…02"},
            "outcome": "NO_CREDITS",
            "answer": "Your balance …",
            "seconds": 1.5,
        }
    ]


def test_it_is_read_while_a_daemon_writes(
    journal: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with closing(open_store(journal)) as store:
        store.commit(Batch(calls=[CALLS[0]]))
        assert len(listed(capsys)) == 4


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["--since=yesterday"], "'yesterday' is no time: write"),
        (["--limit=0"], "'0' is no number from 1 to 1000000"),
        (["--limit=1000001"], "'1000001' is no number from 1 to 1000000"),
        (["--op=sms.fax"], "--op: there is no operation sms.fax"),
        (["sms.fax"], "there is no operation sms.fax"),
        (["sms.sendsms", "to=34600000001"], "--history shows calls and makes none"),
    ],
)
@pytest.mark.usefixtures("journal")
def test_what_cannot_be_meant_is_wrong_use(
    words: list[str], says: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["api", "--history", *words]) == 2
    assert says in capsys.readouterr().err


def test_without_a_journal_it_says_so(journal: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for each in journal.parent.glob("journal.db*"):
        each.unlink()
    assert main(["api", "--history"]) == 1
    assert str(journal) in capsys.readouterr().err
