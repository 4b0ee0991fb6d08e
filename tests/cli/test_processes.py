"""The commands that are processes: the daemon, the simulated SMSC, and the demo with both."""

from __future__ import annotations

import errno
import json
import re
import signal
import socket
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TypeVar

import pytest

from smppd.app import CannotStartError, Daemon
from smppd.cli import main
from smppd.cli.run import run as run_daemon
from smppd.config import Config
from smppd.journal.store import Batch, open_store
from smppd.ledger.facts import Damaged
from smppd.ledger.ledger import Ledger
from smppd.message import Lane
from smppd.spool.folders import prepare_root
from tests.journal.test_store import admit
from tests.processes import finish, smppd

T = TypeVar("T")

CONFIG = """
[spool]
path = "spool"

[journal]
path = "journal.db"

[link.main]
host = "127.0.0.1"
port = {port}
system_id = "acme"
password_file = "password"

[observe]
listen = "{listen}"
control = "control.sock"
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a configuration whose SMSC nobody plays."""
    configure(tmp_path)
    (tmp_path / "password").write_text("secret\n")
    monkeypatch.setenv("SMPPD_CONFIG", str(tmp_path / "smppd.toml"))
    return tmp_path


def configure(folder: Path, listen: str = "") -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    (folder / "smppd.toml").write_text(CONFIG.format(port=port, listen=listen))


def run(*words: str) -> tuple[int, str, str]:
    with smppd(*words) as process:
        return finish(process)


def read_until(process: subprocess.Popen[str], words: str) -> None:
    assert process.stdout is not None
    for line in process.stdout:
        if words in line:
            return


def wait_for(look: Callable[[], T | None], seconds: float = 30.0) -> T:
    until = time.monotonic() + seconds
    while (found := look()) is None:
        assert time.monotonic() < until
        time.sleep(0.02)
    return found


# ── run ──────────────────────────────────────────────────────────────────────────────────────


def test_the_daemon_runs_until_a_signal_and_refuses_a_second_one(folder: Path) -> None:
    with smppd("run") as first:
        wait_for(lambda: (folder / "control.sock").exists() or None)
        code, out, err = run("run")
        assert (code, out) == (1, "")
        assert f"smppd: spool {folder}/spool is in use by another smppd, pid {first.pid}" in err
        assert "Traceback" not in err
        assert main(["status"]) == 0
        first.send_signal(signal.SIGTERM)
        code, _, log = finish(first)
    assert code == 0
    events = [json.loads(line)["event"] for line in log.splitlines()]
    assert "daemon_started" in events
    assert events[-2:] == ["daemon_stopping", "daemon_stopped"]
    assert main(["audit"]) == 0


@pytest.mark.parametrize(
    ("spoil", "told"),
    [
        ("password", "link.main.password_file: cannot read"),
        ("empty password", "link.main.password_file: the password is empty"),
    ],
)
def test_a_missing_password_is_a_mistake_in_the_configuration(
    spoil: str, told: str, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    if spoil == "password":
        (folder / "password").unlink()
    else:
        (folder / "password").write_text("")
    assert main(["run"]) == 2
    assert capsys.readouterr().err.startswith(f"{folder}/smppd.toml: {told}")
    assert not (folder / "spool").exists()


def newer_journal(folder: Path) -> str:
    store = open_store(folder / "journal.db")
    store._sql.execute("PRAGMA user_version = 99")
    store.close()
    return "is of version 99"


def damaged_journal(folder: Path) -> str:
    store, ledger = open_store(folder / "journal.db"), Ledger()
    file_id = ledger.file_opened(1.0, "t", "a.jsonl", Lane.NORMAL)
    rows = admit(ledger, file_id, ["one", "two"])
    store.commit(Batch(messages=[rows], facts=ledger.take_facts()))
    store.connection.execute("UPDATE message SET body = x'00'")
    store.close()
    return f"the journal is damaged: message {rows[-1].msg_id} is a bundle that cannot be read"


def damaged_page(folder: Path) -> str:
    store = open_store(folder / "journal.db")
    (page,) = store.connection.execute(
        "SELECT rootpage FROM sqlite_master WHERE name = 'snapshot'"
    ).fetchone()
    store.close()
    with (folder / "journal.db").open("r+b") as file:
        file.seek((page - 1) * 4096)
        file.write(b"\xff" * 600)
    return "the journal is damaged: database disk image is malformed: is its disk failing?"


def file_for_a_folder(folder: Path) -> str:
    assert prepare_root(folder / "spool") is None
    (folder / "spool" / "inbox" / "high").rmdir()
    (folder / "spool" / "inbox" / "high").touch()
    return "is not a folder: move it away"


def no_socket(folder: Path) -> str:
    (folder / "control.sock").touch()
    return "cannot open the control socket"


def port_in_use(folder: Path) -> str:
    with socket.create_server(("127.0.0.1", 0)) as free:
        number = free.getsockname()[1]
    # A host that is not ours stands for a port that is taken: neither can be listened on.
    configure(folder, f"192.0.2.1:{number}")
    return "cannot listen on 192.0.2.1"


@pytest.mark.parametrize(
    "spoil",
    [newer_journal, damaged_journal, damaged_page, file_for_a_folder, no_socket, port_in_use],
)
def test_what_keeps_the_daemon_from_starting_is_one_line(
    spoil: Callable[[Path], str], folder: Path
) -> None:
    expected = spoil(folder)
    code, out, err = run("run")
    assert (code, out) == (1, "")
    complaints = [line for line in err.splitlines() if not line.startswith("{")]
    assert len(complaints) == 1
    assert complaints[0].startswith("smppd: ")
    assert expected in complaints[0]


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (OSError(errno.ENOSPC, "No space left on device", "/spool/x"), ["cannot go on: No space"]),
        (CannotStartError("no folder: make it"), ["no folder: make it"]),
        (
            OSError(errno.EMFILE, "Too many open files"),
            ["cannot go on: Too many open files: nothing is lost, raise LimitNOFILE="],
        ),
        (
            Damaged("message 7 cannot be read: malformed"),
            ["the journal is damaged: message 7 cannot be read: malformed: run smppd audit"],
        ),
        (
            sqlite3.OperationalError("attempt to write a readonly database"),
            ["the journal cannot be read or written: attempt to write a readonly database: check"],
        ),
        (
            sqlite3.DatabaseError("database disk image is malformed"),
            ["the journal is damaged: database disk image is malformed: is its disk failing?"],
        ),
    ],
)
def test_a_failing_disk_is_told_and_a_fault_of_the_program_is_not_hidden(
    error: Exception, told: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(_self: Daemon) -> Daemon:
        raise ExceptionGroup("nursery", [ExceptionGroup("nursery", [error])])

    monkeypatch.setattr(Daemon, "__enter__", fail)
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(str(tmp_path / "notify"))
        monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "notify"))
        failures = run_daemon(Config(), {})
        assert manager.recv(4096).decode().startswith(f"STATUS={told[0]}")
    assert [failure[: len(text)] for failure, text in zip(failures, told, strict=True)] == told

    def crash(_self: Daemon) -> Daemon:
        raise ExceptionGroup("nursery", [error, OSError(errno.EBADF, "Bad file descriptor")])

    monkeypatch.setattr(Daemon, "__enter__", crash)
    with pytest.raises(ExceptionGroup):
        run_daemon(Config(), {})
    error = sqlite3.ProgrammingError("Cannot operate on a closed database.")
    monkeypatch.setattr(Daemon, "__enter__", fail)
    with pytest.raises(ExceptionGroup):
        run_daemon(Config(), {})


# ── simulate ─────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (["--listen=nowhere"], 2),
        (["--answer-status=NONSENSE=0.5"], 2),
        (["--script=/nonexistent/script.toml"], 2),
        (["--speed=1"], 2),
    ],
)
def test_a_script_with_a_mistake_is_wrong_use(
    words: Sequence[str], code: int, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["simulate", *words]) == code
    assert "smppd" in capsys.readouterr().err


def test_a_simulated_smsc_says_where_it_listens_and_stops_at_a_signal() -> None:
    with smppd("simulate", "--listen=127.0.0.1:0") as process:
        assert process.stdout is not None
        found = re.fullmatch(r"listening on 127\.0\.0\.1:(\d+)\n", process.stdout.readline())
        assert found
        code, _, err = run("simulate", f"--listen=127.0.0.1:{found[1]}")
        assert code == 1
        assert err.startswith("smppd: the simulated SMSC cannot go on: ")
        assert err.count("\n") == 1
        process.send_signal(signal.SIGTERM)
        assert finish(process)[0] == 0


# ── demo ─────────────────────────────────────────────────────────────────────────────────────


def pids_of(folder: str) -> list[int]:
    """Processes that a demo in this folder left running."""
    found = []
    for process in Path("/proc").iterdir():
        try:
            if process.name.isdecimal() and folder.encode() in (process / "cmdline").read_bytes():
                found.append(int(process.name))
        except OSError:
            continue
    return found


def test_the_demo_delivers_every_message_and_leaves_its_results(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setenv("SMPPD_CONFIG", "/nonexistent")
    code, out, err = run("demo", "--messages", "20")
    assert (code, err) == (0, "")
    assert re.search(r"^20 messages in 24 parts: 20 delivered, in \d", out, re.MULTILINE)
    assert re.search(r"^ *\d+\.\d s  20 delivered$", out, re.MULTILINE)
    (results,) = re.findall(r"^Results: (.*)$", out, re.MULTILINE)
    lines = [json.loads(line) for line in Path(results).read_text().splitlines()]
    assert [line["id"] for line in lines] == [f"demo-{n}" for n in range(1, 21)]
    assert {line["state"] for line in lines} == {"delivered"}
    assert {line["encoding"] for line in lines} == {"gsm7", "ucs2"}
    assert max(line["parts"] for line in lines) > 1
    shows_calls(out)
    (folder,) = tmp_path.iterdir()
    assert pids_of(str(folder)) == []
    config = str(folder / "smppd.toml")
    assert main(["audit", "--config", config]) == 0
    assert main(["show", "demo-5", "--config", config]) == 0
    assert "part 2" in capsys.readouterr().out


def shows_calls(out: str) -> None:
    """A group with contacts, a template to all of them, and a chat that was answered."""
    assert "  5 contacts loaded into group " in out
    (results,) = re.findall(r"^  results in (.*/template-.*)$", out, re.MULTILINE)
    lines = [json.loads(line) for line in Path(results).read_text().splitlines()]
    assert {line["state"] for line in lines} == {"delivered"}
    assert {line["op"] for line in lines} == {"sms.sendsmstogroupfromtemplate"}
    assert len({line["to"] for line in lines}) == len(lines) == 5
    letters = [
        json.loads(line) for line in re.findall(r'^  (\{.*"kind":"chat".*)$', out, re.MULTILINE)
    ]
    assert [letter["text"] for letter in letters] == [
        "Are you open today?",
        "Thank you, see you later",
    ]
    said = re.findall(r"^  \S+ \S+  (us  |them)  (.*)  \(\w+\)$", out, re.MULTILINE)
    assert said == [
        ("them", "Are you open today?"),
        ("us  ", "Yes, until eight"),
        ("them", "Thank you, see you later"),
    ]


def test_a_demo_in_a_very_deep_folder_still_has_its_control_socket(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    deep = tmp_path / ("deep" * 20) / ("deeper" * 10)
    deep.mkdir(parents=True)
    monkeypatch.setenv("TMPDIR", str(deep))
    assert run("demo", "--messages", "1")[0] == 0


@pytest.mark.parametrize("after", ["running in", "smppd template"])
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_demo_that_is_interrupted_cleans_up(
    number: signal.Signals, after: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    with smppd("demo", "--messages", "20", "--keep") as process:
        read_until(process, after)
        (folder,) = tmp_path.iterdir()
        assert pids_of(str(folder))
        process.send_signal(number)
        _, _, err = finish(process)
    assert err == ""
    assert pids_of(str(folder)) == []


def test_beside_a_demo_that_stays_the_other_commands_work(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    with smppd("demo", "--messages", "2", "--keep") as process:
        read_until(process, "until Ctrl-C")
        (folder,) = tmp_path.iterdir()
        monkeypatch.setenv("SMPPD_CONFIG", str(folder / "smppd.toml"))
        assert main(["submit", "--to=+34600000001", "--text=Hola", "--id=mine", "--wait"]) == 0
        assert "1 message: 1 delivered" in capsys.readouterr().out
        batch = tmp_path / "batch.jsonl"
        batch.write_text('{"to": "+34600000001", "text": "Hola", "id": "mine"}\nnonsense\n')
        assert main(["submit", str(batch), "--wait", "--timeout=20"]) == 1
        assert "2 messages: 1 rejected, 1 duplicate" in capsys.readouterr().out
        assert main(["status", "--json"]) == 0
        told = json.loads(capsys.readouterr().out)
        assert (told["accepted"], told["states"]["delivered"]) == (7, 4)
        assert main(["show", "mine"]) == 0
        assert capsys.readouterr().out.startswith("mine to 34600000001: delivered\n")
        assert main(["requeue", "--all"]) == 1
        assert main(["check", "--connect"]) == 0
        assert main(["audit"]) == 0
        process.send_signal(signal.SIGINT)
        assert finish(process)[0] == 0


@pytest.mark.parametrize("words", [["completion", "bash"], ["check"], ["api", "--list"]])
def test_output_that_cannot_be_written_is_one_line(folder: Path, words: list[str]) -> None:
    command = [sys.executable, "-m", "smppd", *words]
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(command, stdout=full, stderr=subprocess.PIPE, text=True, check=False)
    assert done.returncode == 1
    assert done.stderr == "smppd: the output cannot be written: No space left on device\n"
