"""`smppd api`: what is asked of the daemon, what is printed, and with which exit code it ends."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from smppd.cli import main
from smppd.control import ControlRefused, ControlUnavailable
from smppd.provider.answers import Failure, NoAnswer, Success
from smppd.provider.catalogue import OPERATIONS
from tests.cli.calling import CONFIG, Provider, Say, scripted

SEND = ["api", "sms.sendsms", "from=ACME", "to=+34 600 000 001", "sms=Hola"]


@pytest.fixture
def provider(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Provider:
    return scripted(tmp_path, monkeypatch)


@pytest.fixture
def terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    """A person watches the output."""
    monkeypatch.setattr("smppd.cli.terminal.Terminal.interactive", True)


# ── what is asked ────────────────────────────────────────────────────────────────────────────


def test_parameters_are_handed_on_as_they_are_written(provider: Provider) -> None:
    assert main([*SEND, "--via", "second", "--timeout=10s", "output=json"]) == 0
    (asked,) = provider.asked
    assert (asked.op, asked.via, asked.confirm) == ("sms.sendsms", "second", False)
    assert asked.args == {
        "from": "ACME",
        "to": "+34 600 000 001",
        "sms": "Hola",
        "output": "json",
    }
    assert provider.timeouts == [10.0]


def test_the_account_has_its_timeout_and_time_for_its_turn(provider: Provider) -> None:
    assert main(SEND) == 0
    assert provider.timeouts == [60.0]


def test_values_come_from_files_and_standard_input(
    provider: Provider, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = tmp_path / "text"
    text.write_text("Hola\nñ\n")
    contacts = b'[{"mobile":"34600000001"}]\n'
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(contacts)))
    assert main(["api", "sms.sendsms", "from=A", "to=34600000001", f"sms=@{text}"]) == 0
    assert provider.asked[0].args["sms"] == "Hola\nñ"
    assert main(["api", "group.addcontactlist", "idgroup=7", "contacts=-"]) == 0
    assert provider.asked[1].args["contacts"] == contacts.decode().rstrip()


def test_what_destroys_wants_the_word_for_it(
    provider: Provider, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["api", "group.deletegroup", "idgroup=7"]) == 2
    told = capsys.readouterr().err
    assert "group.deletegroup is irrevocable" in told
    assert told.endswith("or --confirm on the command line\n")
    assert provider.asked == []
    assert main(["api", "group.deletegroup", "--confirm", "idgroup=7"]) == 0
    assert provider.asked[0].confirm


@pytest.mark.parametrize("name", [n for n, op in OPERATIONS.items() if op.params])
def test_a_missing_compulsory_parameter_is_named_without_a_request(
    name: str, provider: Provider, capsys: pytest.CaptureFixture[str]
) -> None:
    params = OPERATIONS[name].params
    for missing in (param for param in params if param.required):
        given = [f"{p.name}={p.example}" for p in params if p.required and p is not missing]
        assert main(["api", name, *given, "--confirm"]) == 2
        line = capsys.readouterr().err
        assert line.startswith(f"smppd: {missing.name}: missing, and {name} needs it: ")
    assert provider.asked == []


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["password=hunter2"], "password: is that of the account in the configuration"),
        (["to=1", "to=2"], "to: given twice"),
        (["to"], "to: is no KEY=VALUE"),
        (["to=0"], "to: is not one number with its country code"),
        (["tooo=1"], "tooo: sms.sendsms has no such parameter; did you mean to?"),
        (
            ["--via=third"],
            'via: there is no link or account called "third"; use one of: first, second',
        ),
    ],
)
def test_wrong_use_is_one_line_and_no_request(
    words: list[str], says: str, provider: Provider, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["api", "sms.sendsms", "from=A", "sms=Hola", *words]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith(f"smppd: {says}")
    assert "hunter2" not in line
    assert provider.asked == []


def test_the_second_api_has_accounts_of_its_own(
    provider: Provider, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["api", "contacts.delete", "id=5"]) == 0
    assert main(["api", "contacts.delete", "id=5", "--via=book"]) == 0
    assert main(["api", "contacts.delete", "id=5", "--via=first"]) == 2
    assert 'account "first" carries no operations contacts.*; use one of: book' in (
        capsys.readouterr().err
    )
    (tmp_path / "smppd.toml").write_text(CONFIG)
    assert main(["api", "contacts.delete", "id=5", "--via=first"]) == 2
    assert "[contacts.NAME]" in capsys.readouterr().err


# ── what is told ─────────────────────────────────────────────────────────────────────────────

RESULT = b'{"messageid":12345678901234567890,"credits":"9.50"}'


def test_a_result_is_printed_as_it_came(
    provider: Provider, capsys: pytest.CaptureFixture[str]
) -> None:
    provider.answer("sms.sendsms", Success(RESULT))
    assert main(SEND) == 0
    told = capsys.readouterr()
    assert told.out == '{\n  "messageid": 12345678901234567890,\n  "credits": "9.50"\n}\n'
    assert told.err == ""


@pytest.mark.usefixtures("terminal")
def test_people_see_a_table_unless_they_ask_for_json(
    provider: Provider, capsys: pytest.CaptureFixture[str]
) -> None:
    provider.answer("sms.sendsms", Success(RESULT))
    assert main(SEND) == 0
    assert capsys.readouterr().out.splitlines() == [
        "messageid  12345678901234567890",
        "credits    9.50",
    ]
    assert main([*SEND, "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == json.loads(RESULT)
    provider.answer("sms.sendsms", Failure("NO_CREDITS", "Your balance is insufficient"))
    assert main(SEND) == 1
    assert capsys.readouterr() == ("", "smppd: NO_CREDITS: Your balance is insufficient\n")


def test_a_refusal_is_its_code_and_meaning(
    provider: Provider, capsys: pytest.CaptureFixture[str]
) -> None:
    for code, text in (("NO_CREDITS", "Your balance is insufficient"), ("ODD", "")):
        provider.answer("sms.sendsms", Failure(code, text))
        assert main(SEND) == 1
        told = capsys.readouterr()
        assert told.err == (f"smppd: {code}: {text}\n" if text else f"smppd: {code}\n")
        assert json.loads(told.out) == {"error": {"code": code, "text": text, "sent": False}}


@pytest.mark.parametrize(
    ("op", "advice"),
    [
        ("sms.sendsms", "it may have been sent: look before you repeat it"),
        ("group.addcontact", "it may have been done: look before you repeat it"),
        ("group.getcontacts", "it only reads: ask again"),
    ],
)
@pytest.mark.parametrize(
    ("came", "says"),
    [
        (NoAnswer("timed out", sent=True), "timed out"),
        (ControlUnavailable("the daemon hung up", heard=True), "the daemon hung up"),
        (ControlRefused("the command 'api' failed", fault=True), "the command 'api' failed"),
        (KeyboardInterrupt(), "interrupted before it came"),
    ],
)
def test_a_lost_answer_is_said_in_plain_words_and_nothing_is_repeated(
    op: str,
    advice: str,
    came: Say,
    says: str,
    provider: Provider,
    capsys: pytest.CaptureFixture[str],
) -> None:
    provider.answer(op, came)
    given = [f"{param.name}={param.example}" for param in OPERATIONS[op].params if param.required]
    assert main(["api", op, *given]) == 1
    assert len(provider.asked) == 1
    told = capsys.readouterr()
    assert told.err == f"smppd: no answer: {says}; {advice}\n"
    assert json.loads(told.out)["error"] == {"code": "NO_ANSWER", "text": says, "sent": True}


@pytest.mark.usefixtures("terminal")
def test_an_empty_result_is_nothing_read_or_something_done(
    provider: Provider, capsys: pytest.CaptureFixture[str]
) -> None:
    for op, says in (("group.getcontacts", "none"), ("group.deletegroup", "done")):
        provider.answer(op, Success(b"[]"))
        assert main(["api", op, "idgroup=7", "--confirm"]) == 0
        assert capsys.readouterr().out == f"{says}\n"


def test_what_was_not_sent_is_told_apart(
    provider: Provider, capsys: pytest.CaptureFixture[str]
) -> None:
    provider.answer("sms.sendsms", NoAnswer("cannot connect", sent=False))
    assert main(SEND) == 1
    told = capsys.readouterr()
    assert told.err == "smppd: not sent: cannot connect\n"
    assert json.loads(told.out)["error"]["code"] == "NOT_SENT"


@pytest.mark.parametrize(
    "came", [ControlUnavailable("use sudo"), ControlRefused("too many connections")]
)
def test_a_daemon_that_was_not_asked_is_one_line(
    came: BaseException, provider: Provider, capsys: pytest.CaptureFixture[str]
) -> None:
    provider.answer("sms.sendsms", came)
    assert main(SEND) == 1
    assert capsys.readouterr() == ("", f"smppd: {came}\n")


def test_a_reader_who_leaves_is_no_traceback(tmp_path: Path) -> None:
    read, write = os.pipe()
    os.close(read)
    words = [sys.executable, "-m", "smppd", "api", "--list"]
    done = subprocess.run(words, stdout=write, stderr=subprocess.PIPE, check=False)
    os.close(write)
    assert (done.returncode, done.stderr) == (1, b"")


def test_an_answer_must_be_given_some_time(
    provider: Provider, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([*SEND, "--timeout=0s"]) == 2
    assert "an answer takes longer than no time" in capsys.readouterr().err
    assert provider.asked == []
