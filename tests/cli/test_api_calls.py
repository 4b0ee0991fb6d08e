"""`smppd api` and `smppd group` all the way to a simulated provider, with and without a daemon."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import httpx2
import pytest

from smppd.app import alone
from smppd.cli import main
from smppd.config import HttpConfig
from smppd.control import ControlRefused, ask
from smppd.httpapi.caller import Client
from smppd.httpapi.client import ProviderClient
from smppd.httpapi.contacts import ContactsClient
from smppd.journal.store import open_store
from smppd.locking import take_lock
from smppd.provider.catalogue import COMMON_ERRORS, OPERATIONS
from smppd.provider.operation import Api
from tests.cli.rig import HTTP, PASSWORD, TOKEN, read, running
from tests.httpapi.simulated import SimulatedTransport, simulated

SEND = ["api", "sms.sendsms", "from=ACME", "to=34600000001", "sms=Hola, señor"]


@pytest.fixture(autouse=True)
def environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where configuration and secrets are found."""
    monkeypatch.setenv("SMPPD_CONFIG", str(tmp_path / "smppd.toml"))
    monkeypatch.setenv("SMPPD_TEST_PASSWORD", PASSWORD)
    monkeypatch.setenv("SMPPD_TEST_TOKEN", TOKEN)


def example(name: str) -> list[str]:
    """The words that call an operation with the parameters of the documents."""
    params = [param for param in OPERATIONS[name].params if param.required]
    return ["api", name, *(f"{param.name}={param.example}" for param in params), "--confirm"]


def contacts_of(path: Path, count: int) -> str:
    """A file with so many contacts."""
    rows = "".join(f"346{n:08},Ana {n}\n" for n in range(count))
    path.write_text(f"mobile,name\n{rows}")
    return str(path)


def history(capsys: pytest.CaptureFixture[str], *words: str) -> list[dict[str, Any]]:
    """The log of calls, newest first."""
    capsys.readouterr()
    assert main(["api", "--history", "--json", *words]) == 0
    found: list[dict[str, Any]] = json.loads(capsys.readouterr().out)
    return found


# ── through the daemon ───────────────────────────────────────────────────────────────────────


def test_every_documented_error_comes_out_with_its_code_and_meaning(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    errors = [
        (operation.name, code, text)
        for operation in OPERATIONS.values()
        if operation.api is Api.PROVIDER
        for code, text in {**operation.errors, **COMMON_ERRORS}.items()
    ]
    faults = [{"what": "refuse", "op": op, "code": code, "times": 1} for op, code, _ in errors]
    with running(tmp_path, fault=faults) as provider:
        for op, code, text in errors:
            assert main(example(op)) == 1
            told = capsys.readouterr()
            assert told.err == f"smppd: {code}: {text}\n"
            assert json.loads(told.out)["error"]["code"] == code
    assert len(provider.requests) == len(errors) > 200
    logged = history(capsys, "--failed", "--limit=1000")
    assert [(each["op"], each["outcome"]) for each in reversed(logged)] == [
        (op, code) for op, code, _ in errors
    ]


def test_an_undocumented_code_is_passed_on(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with running(tmp_path, fault=[{"what": "refuse", "code": "OUT_OF_PAPER"}]):
        assert main(SEND) == 1
    assert capsys.readouterr().err.startswith("smppd: OUT_OF_PAPER")


def test_calls_go_over_the_account_that_is_named_and_are_logged_without_secrets(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with running(tmp_path) as provider:
        assert main(SEND) == 0
        assert set(json.loads(capsys.readouterr().out)) == {"messageid", "credits"}
        assert main([*SEND, "--via=second"]) == 0
        assert main(["api", "contacts.new", "group_id=5", "phone_number=0412345678"]) == 0
        users = [b"me%40example.net", b"you%40example.net"]
        assert [
            user in request.body for user, request in zip(users, provider.requests[:2], strict=True)
        ] == [
            True,
            True,
        ]
        assert json.loads(provider.requests[2].body) == {
            "group_id": 5,
            "phone_number": "0412345678",
        }
        logged = history(capsys)
    assert [each["account"] for each in logged] == ["book", "second", "first"]
    assert [each["outcome"] for each in logged] == ["SUCCESS"] * 3
    assert PASSWORD not in str(logged)
    assert "Hola" not in str(logged)


def test_a_lost_answer_leaves_it_in_doubt_and_one_request_was_made(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with running(tmp_path, fault=[{"what": "lost"}]) as provider:
        assert main(SEND) == 1
        assert provider.calls("sms.sendsms").done == 1
    error = capsys.readouterr().err
    assert error.startswith("smppd: no answer: ")
    assert error.endswith("; it may have been sent: look before you repeat it\n")
    assert [each["outcome"] for each in history(capsys)] == ["NO_ANSWER"]


def test_a_provider_that_cannot_be_reached_was_sent_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with running(tmp_path) as provider:
        provider.up = False
        assert main(SEND) == 1
    assert capsys.readouterr().err.startswith("smppd: not sent: ")


def test_who_asks_may_wait_less_long_than_the_call_takes(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with running(tmp_path, fault=[{"what": "delay", "seconds": 1.5}]) as provider:
        assert main([*SEND, "--timeout=700ms"]) == 1
        assert "it may have been sent" in capsys.readouterr().err
    assert provider.calls("sms.sendsms").done == 1
    assert [each["outcome"] for each in history(capsys)] == ["SUCCESS"]


def test_a_thousand_contacts_are_loaded_and_read_back(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = contacts_of(tmp_path / "x.csv", 1000)
    with running(tmp_path) as provider:
        assert main(["group", "load", "1", file, "--lot=300"]) == 0
        assert provider.calls("group.addcontactlist").done == 4
        capsys.readouterr()
        assert main(["group", "show", "1", "--csv"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.rsplit(",", 1)[0] for line in lines] == Path(file).read_text().splitlines()


def test_a_load_that_broke_off_goes_on_where_it_says(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = contacts_of(tmp_path / "x.csv", 50)
    lost = {"what": "lost", "op": "group.addcontactlist", "after": 2, "times": 1, "done": False}
    with running(tmp_path, fault=[lost]) as provider:
        assert main(["group", "load", "1", file, "--lot=10"]) == 1
        told = capsys.readouterr().err.splitlines()
        assert "in the group: rows 2 to 21" in told
        assert "in doubt: rows 22 to 31; look with" in told
        assert main(["group", "show", "1", "--json"]) == 0
        assert len(json.loads(capsys.readouterr().out)["contacts"]) == 20
        again = told[-1].split()
        assert again[:2] == ["smppd", "group"]
        assert main(again[1:]) == 0
        capsys.readouterr()
        assert main(["group", "show", "1", "--json"]) == 0
        mobiles = [each["mobile"] for each in json.loads(capsys.readouterr().out)["contacts"]]
    assert len(mobiles) == len(set(mobiles)) == 50
    assert provider.calls("group.addcontactlist").done == 5


def test_a_list_of_contacts_may_be_long(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    contacts = [{"mobile": f"346{n:08}", "name": "x" * 50} for n in range(10_000)]
    file = tmp_path / "contacts.json"
    file.write_text(json.dumps(contacts))
    with running(tmp_path):
        assert main(["api", "group.addcontactlist", "idgroup=1", f"contacts=@{file}"]) == 0
        capsys.readouterr()
        assert main(["api", "group.getcontacts", "idgroup=1"]) == 0
    assert len(json.loads(capsys.readouterr().out)) == 10_000


def test_a_group_is_made_filled_shown_and_deleted(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = contacts_of(tmp_path / "x.csv", 3)
    with running(tmp_path, group_id=True):
        assert main(["group", "create", "Clientes", "--load", file, "--json"]) == 0
        idgroup = json.loads(capsys.readouterr().out)["idgroup"]
        assert main(["group", "show", idgroup]) == 0
        assert "3 contacts" in capsys.readouterr().out
        assert main(["group", "delete", idgroup, "--confirm"]) == 0
        assert main(["group", "show", idgroup]) == 1
    assert "NOT_ACCESS_TO_GROUP" in capsys.readouterr().err


def test_what_cannot_be_meant_is_refused_by_the_daemon_as_well(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its configuration may be older than the one that the command has read."""
    with running(tmp_path) as provider:
        file = tmp_path / "smppd.toml"
        file.write_text(file.read_text().replace("[http.second]", "[http.third]"))
        assert main([*SEND, "--via=third"]) == 1
        assert provider.requests == []
    assert 'via: there is no link or account called "third"' in capsys.readouterr().err


def test_a_request_that_is_none_was_certainly_not_done(tmp_path: Path) -> None:
    with running(tmp_path) as provider:
        with pytest.raises(ControlRefused, match="api cannot be meant so: ") as caught:
            ask(tmp_path / "control.sock", "api", op="group.getcontacts", args=["idgroup"])
        assert not caught.value.fault
        assert provider.requests == []


# ── without a daemon ─────────────────────────────────────────────────────────────────────────


@pytest.fixture
def provider(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> SimulatedTransport:
    """A provider to which calls go directly; no daemon runs."""
    read(tmp_path)
    transport = simulated(http=HTTP)

    def client_of(account: Any, secret: str) -> Client:
        if isinstance(account, HttpConfig):
            return ProviderClient(account, secret, transport)
        return ContactsClient(account, secret, transport)

    monkeypatch.setattr(alone, "client_of", client_of)
    return transport


def test_without_a_daemon_it_calls_by_itself_and_logs_into_the_journal(
    provider: SimulatedTransport, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    open_store(tmp_path / "journal.db").close()
    assert main(SEND) == 0
    assert capsys.readouterr().err == ""
    assert main(["api", "contacts.delete", "id=77"]) == 1
    assert [(each["account"], each["op"]) for each in history(capsys)] == [
        ("book", "contacts.delete"),
        ("first", "sms.sendsms"),
    ]
    assert provider.calls("sms.sendsms").done == 1


def test_a_journal_that_is_not_there_is_not_made(
    provider: SimulatedTransport, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(SEND) == 0
    journal = tmp_path / "journal.db"
    assert capsys.readouterr().err == (
        f"smppd: not in the log of calls: there is no journal {journal} yet\n"
    )
    assert not journal.exists()


def test_a_journal_that_somebody_has_is_left_alone(
    provider: SimulatedTransport, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    journal = tmp_path / "journal.db"
    open_store(journal).close()
    file = contacts_of(tmp_path / "x.csv", 20)
    with take_lock(tmp_path / "journal.db.lock", f"journal {journal}"):
        assert main(["group", "load", "1", file, "--lot=5"]) == 0
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("smppd: not in the log of calls: ")
    assert history(capsys) == []


def test_without_a_password_it_calls_nobody(
    provider: SimulatedTransport,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.delenv("SMPPD_TEST_PASSWORD")
    assert main(SEND) == 2
    assert capsys.readouterr().err.startswith("http.first.password_env: names a variable")
    assert provider.requests == []


def test_it_waits_no_longer_than_it_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    read(tmp_path)
    open_store(tmp_path / "journal.db").close()
    slow = simulated(http=HTTP | {"fault": [{"what": "hang"}]})
    monkeypatch.setattr(alone, "client_of", lambda a, secret: ProviderClient(a, secret, slow))
    assert main([*SEND, "--timeout=50ms"]) == 1
    error = capsys.readouterr().err
    assert error.startswith("smppd: no answer: none came within 0.05 s")
    assert error.endswith("; it may have been sent: look before you repeat it\n")
    assert [each["outcome"] for each in history(capsys)] == ["NO_ANSWER"]


def test_ctrl_c_leaves_the_call_in_doubt_and_in_the_log(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    read(tmp_path)
    open_store(tmp_path / "journal.db").close()

    class Interrupted(SimulatedTransport):
        async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
            await super().handle_async_request(request)
            raise KeyboardInterrupt

    way = Interrupted(simulated(http=HTTP).provider)
    monkeypatch.setattr(alone, "client_of", lambda a, secret: ProviderClient(a, secret, way))
    assert main(SEND) == 1
    assert capsys.readouterr().err == (
        "smppd: no answer: interrupted before it came; it may have been sent: look before"
        " you repeat it\n"
    )
    assert way.calls("sms.sendsms").done == 1
    assert [each["outcome"] for each in history(capsys)] == ["NO_ANSWER"]
