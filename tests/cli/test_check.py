"""`smppd check`: each place that the configuration names, and a bind at a simulated SMSC."""

from __future__ import annotations

import fcntl
import json
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
import pytest

from smppd.cli import main
from smppd.control import ControlUnavailable
from smppd.figures import (
    DaemonFigures,
    JournalFigures,
    LinkFigures,
    SessionFigures,
    SpoolFigures,
)
from smppd.journal.store import open_store

if TYPE_CHECKING:
    from tests.certificates import Authority

CONFIG = """
[spool]
path = "spool"

[journal]
path = "state/journal.db"

[link.main]
host = "{host}"
port = {port}
system_id = "{system_id}"
password_file = "password"
bind = "{bind}"
bind_timeout = "5s"
{more}

[observe]
listen = "{listen}"
control = "control.sock"
{accounts}
"""

ACCOUNTS = """
[http.shop]
url = "{url}"
user = "me@example.net"
password_file = "password"

[contacts.books]
url = "{url}"
token_env = "SMPPD_TEST_TOKEN"
"""

CHANNELS = """
[chat]

[[chat.channel]]
platform = "telegram"
platformid = "7"

[[chat.channel]]
platform = "whatsapp"
platformid = "100"
"""


class Setup:
    """A folder with a configuration; `check` runs the command on it."""

    def __init__(self, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
        self.folder = folder
        self._capsys = capsys
        self.password = folder / "password"
        self.password.write_text("secret\n")
        self.password.chmod(0o600)
        self.values = {
            "host": "127.0.0.1",
            "port": "2775",
            "system_id": "acme",
            "bind": "transceiver",
            "listen": "127.0.0.1:0",
        }
        #: More keys of the link, and more sections.
        self.more = ""
        self.accounts = ""

    def check(self, *words: str) -> tuple[int, dict[str, str]]:
        """The exit code, and what was said of each thing that is a problem."""
        file = self.folder / "smppd.toml"
        file.write_text(CONFIG.format(**self.values, more=self.more, accounts=self.accounts))
        code = main(["check", *words, "--json", "--config", str(file)])
        found = json.loads(self._capsys.readouterr().out)
        self.said = {each["what"]: each["says"] for each in found}
        return code, {each["what"]: each["says"] for each in found if not each["ok"]}


@pytest.fixture
def setup(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Setup:
    return Setup(tmp_path, capsys)


def test_what_smppd_would_make_itself_is_fine_and_not_made(setup: Setup) -> None:
    assert setup.check() == (0, {})
    assert not (setup.folder / "spool").exists()
    assert not (setup.folder / "state").exists()


def test_people_read_a_line_for_each_thing(
    setup: Setup, capsys: pytest.CaptureFixture[str]
) -> None:
    setup.check()
    setup.password.unlink()
    assert main(["check", "--config", str(setup.folder / "smppd.toml")]) == 2
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == f"ok       configuration: {setup.folder}/smppd.toml"
    assert lines[1].startswith("problem  link main, password: link.main.password_file: cannot read")
    assert all(line.startswith(("ok ", "problem ")) for line in lines)


def test_a_password_that_everybody_may_read_is_remarked_on(setup: Setup) -> None:
    setup.password.chmod(0o644)
    assert setup.check() == (0, {})
    assert "which every user may read" in setup.said["link main, password"]


def test_a_spool_and_a_journal_that_are_there_are_tried(setup: Setup) -> None:
    (setup.folder / "spool").mkdir()
    open_store(setup.folder / "state" / "journal.db").close()
    assert setup.check() == (0, {})
    assert (setup.folder / "spool" / "inbox").is_dir()
    inbox = setup.folder / "spool" / "inbox" / "high"
    inbox.rmdir()
    inbox.touch()
    (setup.folder / "state" / "journal.db").write_bytes(b"no database at all, by any means")
    code, problems = setup.check()
    assert code == 1
    assert sorted(place.split()[0] for place in problems) == ["journal", "spool"]
    assert "is not a folder: move it away" in problems[f"spool {setup.folder}/spool"]


def test_a_journal_of_a_newer_version_is_a_problem(setup: Setup) -> None:
    store = open_store(setup.folder / "state" / "journal.db")
    store._sql.execute("PRAGMA user_version = 99")
    store.close()
    code, problems = setup.check()
    assert code == 1
    assert "is of version 99" in problems[f"journal {setup.folder}/state/journal.db"]


def test_the_spool_of_another_user_is_only_looked_at(
    setup: Setup, monkeypatch: pytest.MonkeyPatch
) -> None:
    (setup.folder / "spool" / "work").mkdir(parents=True)
    monkeypatch.setattr("os.geteuid", lambda: 12345)
    assert setup.check() == (0, {})
    assert [path.name for path in (setup.folder / "spool").iterdir()] == ["work"]
    monkeypatch.setattr("os.access", lambda *_, **__: False)
    code, problems = setup.check()
    assert code == 1
    assert "is not writable by this user" in problems[f"spool {setup.folder}/spool"]
    assert "is not writable by this user" in problems[f"control socket {setup.folder}/control.sock"]


def test_a_place_that_cannot_be_made_is_a_problem(
    setup: Setup, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("os.access", lambda *_, **__: False)
    code, problems = setup.check()
    assert code == 1
    assert "this user cannot make it" in problems[f"spool {setup.folder}/spool"]
    assert "this user cannot make it" in problems[f"journal {setup.folder}/state/journal.db"]


def test_a_port_in_use_and_a_file_in_the_sockets_place_are_problems(setup: Setup) -> None:
    (setup.folder / "control.sock").touch()
    with socket.create_server(("127.0.0.1", 0)) as taken:
        setup.values["listen"] = f"127.0.0.1:{taken.getsockname()[1]}"
        code, problems = setup.check()
    assert code == 1
    assert "Address already in use" in problems[f"listen {setup.values['listen']}"]
    assert "this is no socket" in problems[f"control socket {setup.folder}/control.sock"]


def test_a_host_that_does_not_resolve_is_a_problem(setup: Setup) -> None:
    setup.values["host"] = "smsc.invalid"
    code, problems = setup.check("--connect")
    assert code == 1
    assert "check the host name and the DNS" in problems["link main, host smsc.invalid:2775"]
    assert "check the host name and the DNS" in problems["link main, bind at smsc.invalid:2775"]


# ── beside a running daemon ──────────────────────────────────────────────────────────────────


def test_what_a_running_daemon_holds_is_no_problem(setup: Setup) -> None:
    (setup.folder / "spool").mkdir()
    lock = setup.folder / "spool" / ".lock"
    lock.write_text("4711\n")
    with lock.open() as held, socket.create_server(("127.0.0.1", 0)) as taken:
        fcntl.flock(held, fcntl.LOCK_EX)
        setup.values["listen"] = f"127.0.0.1:{taken.getsockname()[1]}"
        assert setup.check() == (0, {})
    assert setup.said["daemon"] == "is running, pid 4711"
    assert f"listen {setup.values['listen']}" not in setup.said


def figures(state: str) -> dict[str, Any]:
    """What a daemon says of itself whose one link has one session in this state."""
    link = LinkFigures("main", sessions=[SessionFigures(state)])
    found = DaemonFigures(
        version="1",
        pid=4711,
        started=0.0,
        now=1.0,
        stopping=False,
        accepted=0,
        states={},
        queued_by_lane={},
        oldest_queued=None,
        open_files=0,
        parked_receipts=0,
        unmatched_receipts=0,
        links=[link],
        journal=JournalFigures(),
        spool=SpoolFigures(),
    )
    answer: dict[str, Any] = msgspec.json.decode(msgspec.json.encode(found))
    return answer


def test_a_link_that_the_daemon_has_bound_is_not_bound_again(
    setup: Setup, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("smppd.cli.check.ask", lambda *_, **__: figures("bound_trx"))
    assert setup.check("--connect") == (0, {})
    assert setup.said["link main, bind"] == "is bound by the running daemon"
    monkeypatch.setattr("smppd.cli.check.ask", lambda *_, **__: figures("backoff"))
    with socket.create_server(("127.0.0.1", 0)) as closed:
        setup.values["port"] = str(closed.getsockname()[1])
    assert setup.check("--connect")[0] == 1


def test_no_daemon_is_no_problem(setup: Setup, monkeypatch: pytest.MonkeyPatch) -> None:
    def nobody(*_: Any, **__: Any) -> dict[str, Any]:
        raise ControlUnavailable("nobody")

    monkeypatch.setattr("smppd.cli.check.ask", nobody)
    assert setup.check() == (0, {})
    assert "daemon" not in setup.said


# ── binding ──────────────────────────────────────────────────────────────────────────────────


@pytest.fixture
def simulator() -> Iterator[Callable[..., list[str]]]:
    """Starts simulated SMSCs; each call gives the two lines that it says."""
    started = []

    def start(*words: str) -> list[str]:
        command = [sys.executable, "-m", "smppd", "simulate", "--listen=127.0.0.1:0", *words]
        process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        started.append(process)
        assert process.stdout is not None
        return [process.stdout.readline(), process.stdout.readline()]

    yield start
    for process in started:
        process.send_signal(signal.SIGTERM)
        assert process.wait(20) == 0
        assert process.stdout is not None
        process.stdout.close()


@pytest.fixture
def smsc(simulator: Callable[..., list[str]]) -> Callable[..., str]:
    """Starts simulated SMSCs; each call gives a port."""

    def start(*words: str) -> str:
        listening, _ = simulator(*words)
        assert listening.startswith("listening on 127.0.0.1:")
        return listening.rpartition(":")[2].strip()

    return start


@pytest.mark.parametrize("bind", ["transceiver", "transmitter", "receiver"])
def test_connecting_binds_as_configured_and_unbinds(
    bind: str, setup: Setup, smsc: Callable[..., str]
) -> None:
    port = smsc("--system-id=acme", "--password=secret", "--bind-most=1", "--mo-count=3")
    setup.values.update(port=port, bind=bind)
    for _ in range(2):  # the first one has left when the second one comes
        assert setup.check("--connect") == (0, {})
        said = setup.said[f"link main, bind at 127.0.0.1:{port}"]
        assert said == f'bound as {bind} to "SMSC", and unbound'


def test_connecting_binds_both_halves_of_a_pair(setup: Setup, smsc: Callable[..., str]) -> None:
    port = smsc("--system-id=acme", "--password=secret", "--bind-most=1")
    setup.values.update(port=port, bind="transmitter+receiver")
    assert setup.check("--connect") == (0, {})
    for half in ("transmitter", "receiver"):
        said = setup.said[f"link main, bind at 127.0.0.1:{port} as {half}"]
        assert said == f'bound as {half} to "SMSC", and unbound'


def test_connecting_is_done_with_the_links_tls(
    setup: Setup, smsc: Callable[..., str], authority: Authority
) -> None:
    pem = authority.issue("127.0.0.1")
    port = smsc(f"--tls-cert={pem.cert}", f"--tls-key={pem.key}")
    setup.values["port"] = port
    at = f"link main, bind at 127.0.0.1:{port}"
    assert "whether the port is one for TLS" in setup.check("--connect")[1][at]
    setup.more = f'tls = true\ntls_ca_file = "{authority.file}"'
    assert setup.check("--connect") == (0, {})
    assert setup.said["link main, TLS"] == f"verifies the SMSC against {authority.file}"
    assert "TLSv1.3, the SMSC's certificate is valid until 3000" in setup.said[at]
    setup.more = "tls = true"
    code, problems = setup.check("--connect")
    assert code == 1
    assert "set tls_ca_file to the provider's CA" in problems[at]
    setup.more = "tls = true\ntls_verify = false"
    assert setup.check("--connect") == (0, {})
    assert "nobody knows with whom" in setup.said[at]
    assert "does not verify the SMSC" in setup.said["link main, TLS"]


def test_a_key_that_everybody_may_read_is_remarked_on(setup: Setup, authority: Authority) -> None:
    ours = authority.issue("acme")
    setup.more = f'tls = true\ntls_cert_file = "{ours.cert}"\ntls_key_file = "{ours.key}"'
    ours.key.chmod(0o600)
    assert setup.check() == (0, {})
    assert "verifies the SMSC against the CAs" in setup.said["link main, TLS"]
    ours.key.chmod(0o644)
    assert setup.check() == (0, {})
    assert "which every user may read" in setup.said["link main, TLS"]


def test_a_file_for_tls_that_is_missing_is_a_mistake_of_the_configuration(setup: Setup) -> None:
    setup.more = 'tls = true\ntls_ca_file = "ca.pem"'
    code, problems = setup.check()
    assert code == 2
    assert problems["link main, TLS"].startswith("link.main.tls_ca_file: cannot read ")


def test_the_local_address_is_looked_at_and_used(setup: Setup, smsc: Callable[..., str]) -> None:
    setup.values["port"] = smsc()
    setup.more = 'local_address = "127.0.0.9"'
    assert setup.check("--connect") == (0, {})
    setup.more = 'local_address = "192.0.2.1"'
    code, problems = setup.check("--connect")
    assert code == 1
    assert list(problems) == [
        "link main, local_address 192.0.2.1",
        f"link main, bind at 127.0.0.1:{setup.values['port']}",
    ]
    assert all("correct local_address" in said for said in problems.values())


def test_a_refused_bind_is_told_with_its_cure(setup: Setup, smsc: Callable[..., str]) -> None:
    port = smsc("--system-id=acme", "--password=other")
    setup.values["port"] = port
    code, problems = setup.check("--connect")
    assert code == 1
    said = problems[f"link main, bind at 127.0.0.1:{port}"]
    assert said.startswith("refused with ESME_R")
    assert "password" in said


def test_an_smsc_that_is_deaf_is_told_with_a_cure(setup: Setup) -> None:
    with socket.create_server(("127.0.0.1", 0)) as deaf:
        port = deaf.getsockname()[1]
        setup.values["port"] = str(port)

        def hang_up() -> None:
            deaf.accept()[0].close()

        caller = threading.Thread(target=hang_up)
        caller.start()
        code, problems = setup.check("--connect")
        caller.join()
    assert code == 1
    said = problems[f"link main, bind at 127.0.0.1:{port}"]
    assert said.startswith("no answer to the bind: ")
    assert "whether the provider lets this address in" in said


# ── accounts of the HTTP API ─────────────────────────────────────────────────────────────────


@pytest.fixture
def url(simulator: Callable[..., list[str]], monkeypatch: pytest.MonkeyPatch) -> str:
    """Where a simulated provider is called, whose password is "secret"."""
    monkeypatch.setenv("SMPPD_TEST_TOKEN", "token")
    channel = "--http-channel=platform=whatsapp,platformid=100,name=Shop"
    _, served = simulator("--http-user=me@example.net", "--http-password=secret", channel)
    return served.split()[2]


def test_accounts_are_looked_at_and_called_once_without_harm(setup: Setup, url: str) -> None:
    setup.accounts = ACCOUNTS.format(url=url)
    code, problems = setup.check()
    assert (code, problems) == (0, {})
    assert setup.said["account shop, password"] == f"is in {setup.password}"
    assert setup.said["account books, token"] == "is in $SMPPD_TEST_TOKEN"
    assert setup.said["account shop, host 127.0.0.1"] == "is 127.0.0.1"
    assert "account shop, chat.getchatchannels" not in setup.said
    setup.values["host"] = "127.0.0.1"
    setup.check("--connect")
    assert setup.said["account shop, chat.getchatchannels"].startswith("was answered")
    assert setup.said["account books, call"].startswith("is not tried")


def test_the_channels_of_chats_are_compared_with_those_of_the_account(
    setup: Setup, url: str
) -> None:
    setup.accounts = ACCOUNTS.format(url=url) + CHANNELS
    code, problems = setup.check("--connect")
    assert code == 1
    assert problems["chat channel telegram/7"] == (
        "is not among the account's active channels: correct [chat]; there are whatsapp/100"
    )
    assert setup.said["chat channel whatsapp/100"] == "is one of the account's, called Shop"


def test_what_an_account_lacks_is_told_without_its_password(setup: Setup, url: str) -> None:
    setup.accounts = ACCOUNTS.format(url=url)
    setup.password.write_text("hunter2\n")
    code, problems = setup.check("--connect")
    assert code == 1
    said = problems["account shop, chat.getchatchannels"]
    assert said == "was refused with INCORRECT_USER_PASSWORD: Incorrect user or password"
    assert "hunter2" not in str(setup.said)


def test_an_account_whose_host_is_unknown_is_a_problem(
    setup: Setup, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SMPPD_TEST_TOKEN", "token")
    setup.accounts = ACCOUNTS.format(url="https://nowhere.invalid/api/http/")
    code, problems = setup.check()
    assert code == 1
    assert "cannot resolve it" in problems["account shop, host nowhere.invalid"]


def test_a_secret_of_an_account_that_is_not_there_is_a_mistake(setup: Setup) -> None:
    setup.accounts = ACCOUNTS.format(url="https://127.0.0.1/api/http/")
    code, problems = setup.check()
    assert code == 2
    assert "names a variable that is not set" in problems["account books, token"]
