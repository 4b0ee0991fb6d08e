"""Whatever is wrong is said in one line that names place and cure, and nothing else is lost by it."""

from __future__ import annotations

import gzip
import json
import os
import shutil
import socket
import sqlite3
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.processes import simulator

if TYPE_CHECKING:
    from tests.e2e.conftest import Daemon, DaemonFactory, Smsc, SmscFactory

PATIENCE = 30.0
RECONNECT = {"reconnect_max": "200ms"}
MAX_LINE = 2048
SMPPD = (sys.executable, "-m", "smppd")


# ── how it is looked at ──────────────────────────────────────────────────────────────────────


@dataclass(frozen=True)
class Said:
    """What a command said; lines of the log are not among the complaints."""

    code: int
    out: str
    err: str

    @property
    def complaints(self) -> list[str]:
        return [line for line in self.err.splitlines() if not line.startswith("{")]


def smppd(*words: str, by: Sequence[str] = ()) -> Said:
    """Run a command to its end; `by` is what starts it."""
    done = subprocess.run(
        [*by, *SMPPD, *words], capture_output=True, check=False, timeout=PATIENCE, text=True
    )
    assert "Traceback" not in done.stdout + done.stderr
    return Said(done.returncode, done.stdout, done.stderr)


def complaint(code: int, *words: str, by: Sequence[str] = ()) -> str:
    """The one line a command says when it cannot do what it was asked for."""
    said = smppd(*words, by=by)
    assert (said.code, said.out, len(said.complaints)) == (code, "", 1), said
    return said.complaints[0]


def refusal(daemon: Daemon, code: int = 1, by: Sequence[str] = ()) -> str:
    """The one line with which the daemon refuses to start."""
    return complaint(code, "run", "--config", str(daemon.config), by=by)


def logged(daemon: Daemon, event: str, count: int = 1) -> list[dict[str, Any]]:
    """The lines of the log about this, as soon as there are so many."""

    def look() -> list[dict[str, Any]] | None:
        found = daemon.events(event)
        return found if len(found) >= count else None

    return daemon.wait(look, f"{count} {event}")


def finish(daemon: Daemon) -> None:
    """It ran all the time, has no fault of its own to tell of, and its books are right."""
    daemon.terminate()
    assert "Traceback" not in daemon.log
    audit = smppd("audit", "--config", str(daemon.config))
    assert audit.code == 0, audit.out


def good(n: int, **more: object) -> dict[str, object]:
    return {"to": f"+346000000{n:02d}", "text": f"good {n}", "id": f"good-{n}", **more}


def line(**fields: object) -> bytes:
    return json.dumps(fields).encode()


def simulated(smsc_factory: SmscFactory, *options: str, port: int = 0) -> Smsc:
    return smsc_factory(simulator(*options, port=port))


def taken(smsc: Smsc, tally: Path) -> dict[str, int]:
    """The numbers that the SMSC has taken messages for, and how many; it is stopped."""
    smsc.stop()
    messages = json.loads(tally.read_text())["messages"]
    return {key.split(" ")[0]: count for key, count in messages.items()}


@pytest.fixture
def silent_port() -> Iterator[int]:
    """A port that refuses connections, and that nobody else can get meanwhile."""
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        yield held.getsockname()[1]


@pytest.fixture
def unprivileged() -> Sequence[str]:
    """What starts a program without the right to read and write everything."""
    if os.geteuid() != 0:
        return ()
    command = ("setpriv", "--bounding-set=-dac_override,-dac_read_search")
    if shutil.which(command[0]) is None:
        pytest.skip("root reads and writes everything, and there is no setpriv to give that up")
    if subprocess.run([*command, "true"], capture_output=True, check=False).returncode:
        pytest.skip("root reads and writes everything, and may not give that up here")
    return command


# ── lines ────────────────────────────────────────────────────────────────────────────────────

BAD_LINES: tuple[tuple[bytes, str, str], ...] = (
    (b'{"to": "+34600000099", "text": "ma\xf1ana"}', "BAD_UTF8", "not UTF-8: octet 0xf1"),
    (b"Hola, +34600000001", "BAD_JSON", "column 1"),
    (b'{"to": "+34600000099", "text": "cut', "BAD_JSON", "ends too early"),
    (b'["+34600000099", "Hola"]', "NOT_OBJECT", "a list"),
    (b"[" * 1500, "BAD_JSON", "write"),
    (line(text="no destination"), "MISSING_TO", "to: missing"),
    (line(to="", text="Hola"), "EMPTY_TO", "to: empty"),
    (line(to=[], text="Hola"), "EMPTY_TO", "to: empty"),
    (line(to="+34600000099"), "MISSING_TEXT", "text: missing"),
    (line(to="+34600000099", text=""), "EMPTY_TEXT", "text: empty"),
    (line(to="+34600000099", text="Hola", data="00"), "TEXT_AND_DATA", "leave one out"),
    (line(to="+34600000099", text="Hola", form="ACME"), "UNKNOWN_FIELD", "did you mean from?"),
    (line(to="+34600000099", message="Hola"), "UNKNOWN_FIELD", "did you mean text?"),
    (line(to="+34600000099", text="Hola", zzzz=1), "UNKNOWN_FIELD", "zzzz: unknown field"),
    (line(to=34600000099, text="Hola"), "BAD_TYPE", "to: must be a number in quotes"),
    (line(to="+34600000099", text=["Hola"]), "BAD_TYPE", "text: must be a text"),
    (line(to="+34600000099", text="Hola", receipt="yes"), "BAD_TYPE", "receipt: must be true"),
    (line(to="+34600000099", text=None), "MISSING_TEXT", "text: missing"),
    (line(to="my mother", text="Hola"), "BAD_TO", "has no place in a number"),
    (line(to="+3460", text="Hola"), "BAD_TO", "4 digits"),
    (line(to="+" + "3" * 40, text="Hola"), "BAD_TO", "40 digits"),
    (line(to="+34600000099", text="Hola", via="mian"), "BAD_VIA", "main"),
    (line(to="+34600000099", text="Hola", expires="soon"), "BAD_EXPIRES", "expires"),
    (line(to="+34600000099", text="Hola", **{"from": "a" * 12}), "BAD_FROM", "11"),
    (line(to="+34600000099", text="Hola", priority="urgent"), "BAD_PRIORITY", "high, normal"),
    (line(to="+34600000099", data="0g"), "BAD_HEX", "data: not hexadecimal"),
    (line(to="+34600000099", text="x" * MAX_LINE), "LINE_TOO_LONG", "max_line"),
)


def test_a_bad_line_is_rejected_with_its_place_and_reason_and_the_others_are_delivered(
    smsc_factory: SmscFactory, daemon_factory: DaemonFactory, tmp_path: Path
) -> None:
    smsc = simulated(smsc_factory, "--tally-file", str(tmp_path / "tally"))
    daemon = daemon_factory(smsc.port, spool={"max_line": MAX_LINE})
    daemon.start()
    lines = [json.dumps(good(0)).encode(), b"", b"   "]
    for n, (bad, _, _) in enumerate(BAD_LINES, start=1):
        lines += [bad, json.dumps(good(n)).encode()]
    content = b"\n".join([*lines, b""])
    daemon.submit(content)
    reported = daemon.wait_report()

    assert reported.source.read_bytes() == content
    shown = [(result["line"], result["state"]) for result in reported.results]
    expected = [(1, "delivered")]
    for n in range(len(BAD_LINES)):
        expected += [(4 + 2 * n, "rejected"), (5 + 2 * n, "delivered")]
    assert shown == expected
    rejected = [result["error"] for result in reported.results if result["state"] == "rejected"]
    for error, (_, code, words) in zip(rejected, BAD_LINES, strict=True):
        assert (error["code"], words in error["text"]) == (code, True), error
        assert error["text"].isprintable()
    assert reported.report["states"] == {
        "delivered": len(BAD_LINES) + 1,
        "rejected": len(BAD_LINES),
    }
    finish(daemon)
    numbers = {str(good(n)["to"]).lstrip("+"): 1 for n in range(len(BAD_LINES) + 1)}
    assert taken(smsc, tmp_path / "tally") == numbers


def test_a_json_file_with_a_bad_message_has_a_rejected_result(
    silent_port: int, daemon_factory: DaemonFactory
) -> None:
    daemon = daemon_factory(silent_port)
    daemon.start(bound=False)
    daemon.submit(b'{\n  "to": "+34600000001",\n  "txt": "Hola",\n  "id": "a"\n}\n', "one.json")
    (result,) = daemon.wait_report("one.json").results
    assert (result["line"], result["id"], result["state"]) == (1, "a", "rejected")
    assert result["error"]["text"] == "txt: unknown field: did you mean text?"
    code, story = daemon.command("show", "a")
    assert (code, story["error"]["code"]) == (0, "UNKNOWN_FIELD")
    finish(daemon)


# ── files ────────────────────────────────────────────────────────────────────────────────────

#: Name, content, and what is to be read in the reason.
BAD_FILES: tuple[tuple[str, bytes, str], ...] = (
    ("empty.jsonl", b"", "is empty"),
    ("empty.json", b"", "is empty"),
    ("blank.jsonl", b"\n \n\n", "is empty"),
    ("binary.jsonl", b"\x7fELF\x02\x01\x01\0\0\0" + bytes(range(256)), "is binary"),
    ("binary.json", b'{"to": "+34600000099", "text": "a\0b"}', "is binary"),
    ("latin.json", line(to="+34600000099", text="x")[:-2] + b'\xf1"}\n', "not UTF-8"),
    ("utf16.jsonl", '{"to": "+34600000099", "text": "x"}\n'.encode("utf-16"), "UTF-16"),
    ("packed.jsonl", gzip.compress(line(to="+34600000099", text="x")), "is compressed"),
    ("cut.json", b'{"to": "+34600000099",\n "text": "half', "ends too early in line 2"),
    ("prose.json", b"Please send Hola to +34600000099\n", "not JSON"),
    ("list.json", b'[{"to": "+34600000099", "text": "x"}]', "holds a list"),
    ("list.jsonl", b'[\n{"to": "+34600000099", "text": "x"}\n]\n', "holds a list"),
    ("pretty.jsonl", b'{\n "to": "+34600000099",\n "text": "x"\n}\n', "over several lines"),
    ("sheet.xls", b"to;text\n+34600000099;x\n", "no known extension"),
    ("no extension", line(to="+34600000099", text="x"), "no known extension"),
    ("a\tb.jsonl", line(to="+34600000099", text="x"), "unprintable characters"),
    ("x.jsonl.progress.json", line(to="+34600000099", text="x"), "daemon uses itself"),
)


def explanations(daemon: Daemon) -> dict[str, tuple[Path, dict[str, Any]]]:
    """What lies in bad/, by the name it was handed in under."""
    found = {}
    for path in daemon.spool.glob("bad/*/*.error.json"):
        explained = json.loads(path.read_text())
        found[explained["file"]] = (path.with_name(path.name[: -len(".error.json")]), explained)
    return found


def quarantined(daemon: Daemon, count: int) -> dict[str, tuple[Path, dict[str, Any]]]:
    """The same, as soon as there are so many and their sources have followed."""

    def look() -> dict[str, tuple[Path, dict[str, Any]]] | None:
        found = explanations(daemon)
        there = all(os.path.lexists(source) for source, _ in found.values())
        return found if len(found) == count and there else None

    return daemon.wait(look, f"{count} files in bad/")


def test_a_file_that_cannot_be_used_lies_in_bad_with_the_reason_and_nothing_of_it_was_sent(
    smsc_factory: SmscFactory, daemon_factory: DaemonFactory, tmp_path: Path
) -> None:
    smsc = simulated(smsc_factory, "--tally-file", str(tmp_path / "tally"))
    daemon = daemon_factory(smsc.port)
    daemon.start()
    for name, content, _ in BAD_FILES:
        daemon.submit(content, name)
    daemon.submit([good(1)], "good.jsonl")

    found = quarantined(daemon, len(BAD_FILES))
    by_name = {each["file"]: each for each in logged(daemon, "file_quarantined", len(BAD_FILES))}
    for name, content, words in BAD_FILES:
        source, explained = found[name]
        assert source.read_bytes() == content
        assert words in explained["reason"], explained
        assert explained["cure"]
        assert by_name[name]["reason"] == explained["reason"]
        assert by_name[name]["placed"] == str(source.relative_to(daemon.spool))
    assert (found["cut.json"][1]["line"], found["cut.json"][1]["column"]) == (2, 15)
    (result,) = daemon.wait_report("good.jsonl").results
    assert result["state"] == "delivered"
    assert daemon.status()["spool"]["quarantined"] == len(BAD_FILES)
    finish(daemon)
    assert taken(smsc, tmp_path / "tally") == {"34600000001": 1}


def test_links_pipes_and_folders_in_the_inbox_are_refused_and_never_followed(
    smsc_factory: SmscFactory, daemon_factory: DaemonFactory, tmp_path: Path
) -> None:
    outside = tmp_path / "outside.jsonl"
    outside.write_text(json.dumps(good(99)) + "\n")
    smsc = simulated(smsc_factory, "--tally-file", str(tmp_path / "tally"))
    daemon = daemon_factory(smsc.port)
    inbox = daemon.submit([good(1)]).parent
    (inbox / "link.jsonl").symlink_to(outside)
    (inbox / "dangling.json").symlink_to(tmp_path / "nothing")
    os.mkfifo(inbox / "pipe.jsonl")
    (inbox / "folder.jsonl").mkdir()
    (inbox / "folder.jsonl" / "inside.jsonl").write_text(json.dumps(good(98)) + "\n")
    daemon.start()

    found = quarantined(daemon, 3)
    assert set(found) == {"link.jsonl", "dangling.json", "pipe.jsonl"}
    for _, explained in found.values():
        assert explained["reason"] == "is not a plain file"
        assert explained["cure"]
    assert found["link.jsonl"][0].readlink() == outside
    assert daemon.wait_report().results[0]["state"] == "delivered"
    logged(daemon, "file_waiting")
    # Listed again meanwhile: whatever else is done with is done after that.
    daemon.submit([good(2)], "later.jsonl")
    daemon.wait_report("later.jsonl")
    (waiting,) = daemon.events("file_waiting")
    assert waiting["file"] == "inbox/folder.jsonl"
    assert "hand in files" in waiting["reason"]
    assert (inbox / "folder.jsonl" / "inside.jsonl").exists()
    assert outside.read_text() == json.dumps(good(99)) + "\n"
    finish(daemon)
    assert taken(smsc, tmp_path / "tally") == {"34600000001": 1, "34600000002": 1}


def test_a_file_that_cannot_be_read_waits_and_is_taken_when_it_can(
    smsc_factory: SmscFactory, daemon_factory: DaemonFactory, unprivileged: Sequence[str]
) -> None:
    daemon = daemon_factory(simulated(smsc_factory).port)
    daemon.program.command = [*unprivileged, *daemon.program.command]
    path = daemon.submit([good(1)], "closed.jsonl")
    path.chmod(0)
    daemon.start()
    daemon.submit([good(2)])
    assert daemon.wait_report().results[0]["state"] == "delivered"
    (waiting,) = logged(daemon, "file_waiting")
    assert waiting["file"] == "inbox/closed.jsonl"
    assert "cannot be read: let the daemon's user read it" in waiting["reason"]
    path.chmod(0o640)
    assert daemon.wait_report("closed.jsonl").results[0]["state"] == "delivered"
    finish(daemon)


def test_a_file_that_is_still_being_written_waits_until_it_is_whole(
    smsc_factory: SmscFactory, daemon_factory: DaemonFactory
) -> None:
    daemon = daemon_factory(simulated(smsc_factory).port, spool={"settle": "200ms"})
    daemon.start()
    inbox = daemon.spool / "inbox"
    halves = {name: json.dumps(good(n)) for n, name in enumerate(("a.jsonl", "b.json"))}
    for name, content in halves.items():
        (inbox / name).write_text(content[:20])
    # Written after them: when this has settled and is done with, they were looked at too.
    (inbox / "whole.jsonl").write_text(json.dumps(good(9)) + "\n")
    assert daemon.wait_report("whole.jsonl").results[0]["state"] == "delivered"
    for name, content in halves.items():
        assert (inbox / name).read_text() == content[:20]
        with (inbox / name).open("a") as file:
            file.write(content[20:] + "\n")
    for name in halves:
        assert daemon.wait_report(name).results[0]["state"] == "delivered"
    assert not explanations(daemon)
    finish(daemon)


def test_names_that_clash_never_overwrite_anything(
    smsc_factory: SmscFactory, daemon_factory: DaemonFactory
) -> None:
    daemon = daemon_factory(simulated(smsc_factory).port)
    for n, lane in enumerate(("normal", "high", "bulk")):
        daemon.submit([good(n)], lane=lane)
        daemon.submit(b"\0%d" % n, "bad.jsonl", lane)
    daemon.start()

    def results() -> list[dict[str, Any]]:
        return [
            json.loads(each)
            for path in daemon.spool.glob("done/*/*.results.jsonl")
            for each in path.read_text().splitlines()
        ]

    logged(daemon, "file_reported", 3)
    daemon.submit([good(3)])
    daemon.submit(b"\0%d" % 3, "bad.jsonl")
    logged(daemon, "file_reported", 4)
    logged(daemon, "file_quarantined", 4)
    assert {result["id"] for result in results()} == {f"good-{n}" for n in range(4)}
    sources = [path.read_text() for path in daemon.spool.glob("done/*/batch*.jsonl")]
    ours = {json.dumps(good(n)) + "\n" for n in range(4)}
    assert ours <= set(sources)
    bad = {path.read_bytes() for path in daemon.spool.glob("bad/*/bad*.jsonl")}
    assert bad == {b"\0%d" % n for n in range(4)}
    assert len(list(daemon.spool.glob("bad/*/*.error.json"))) == 4
    finish(daemon)


def test_submit_says_what_was_wrong_with_the_file(
    silent_port: int, daemon_factory: DaemonFactory, tmp_path: Path
) -> None:
    daemon = daemon_factory(silent_port)
    daemon.start(bound=False)
    (tmp_path / "table.jsonl").write_bytes(b"\0\1\2")
    said = smppd(
        *("submit", str(tmp_path / "table.jsonl"), "--wait", "--timeout", "20"),
        *("--config", str(daemon.config)),
    )
    assert said.code == 1
    assert "is binary: a NUL octet in line 1, column 1: hand in text in UTF-8" in said.err
    assert f"nothing of it was sent; it is {daemon.spool}/bad/" in said.err
    finish(daemon)


# ── configuration ────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("command", ["run", "check", "status"])
def test_every_mistake_in_the_configuration_is_told_at_once(
    command: str, silent_port: int, daemon_factory: DaemonFactory
) -> None:
    daemon = daemon_factory(
        silent_port, link={"window": 0, "sesions": 2}, spool={"poll_interval": "fast"}
    )
    said = smppd(command, "--config", str(daemon.config))
    assert (said.code, said.out) == (2, "")
    place = f"{daemon.config}: "
    told = dict(each.removeprefix(place).split(": ", 1) for each in said.complaints)
    assert all(each.startswith(place) for each in said.complaints)
    assert set(told) == {"link.main.window", "link.main.sesions", "spool.poll_interval"}
    assert "write a number from 1" in told["link.main.window"]
    assert 'did you mean "sessions"?' in told["link.main.sesions"]
    assert '"500ms"' in told["spool.poll_interval"]
    assert not daemon.spool.exists()


@pytest.mark.parametrize("command", ["run", "check"])
@pytest.mark.parametrize(
    ("content", "told"),
    [
        (None, "cannot be read (No such file or directory); correct that, or name another file"),
        (b"[spool\npath = 1\n", "line 1, column 7: "),
        (b'[spool]\npath = "\xf1"\n', "line 2: is not UTF-8 text; save the file as UTF-8"),
    ],
)
def test_a_configuration_that_cannot_be_read_is_told_with_its_place(
    command: str, content: bytes | None, told: str, tmp_path: Path
) -> None:
    config = tmp_path / "smppd.toml"
    if content is not None:
        config.write_bytes(content)
    assert complaint(2, command, "--config", str(config)).startswith(f"{config}: {told}")


def test_a_missing_password_is_a_mistake_in_the_configuration(
    silent_port: int, daemon_factory: DaemonFactory
) -> None:
    daemon = daemon_factory(silent_port)
    (daemon.folder / "password").unlink()
    told = refusal(daemon, 2)
    place, key, why = told.split(": ", 2)
    assert (place, key) == (str(daemon.config), "link.main.password_file")
    assert why.startswith(f"cannot read {daemon.folder}/password (No ")
    assert "write the password into it" in told
    check = smppd("check", "--config", str(daemon.config))
    assert check.code == 2
    (problem,) = [each for each in check.out.splitlines() if each.startswith("problem")]
    assert f"{key}: {why}" in problem


def test_a_control_socket_with_too_long_a_path_is_a_mistake_in_the_configuration(
    silent_port: int, daemon_factory: DaemonFactory
) -> None:
    daemon = daemon_factory(silent_port, observe={"control": f"/tmp/{'long' * 30}.sock"})
    told = refusal(daemon, 2)
    place = f"{daemon.config}: "
    assert told.startswith(f"{place}observe.control: is too long for a socket")
    assert "107 octets" in told


# ── the SMSC ─────────────────────────────────────────────────────────────────────────────────


def readiness(port: int) -> tuple[int, str]:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/readyz", timeout=10) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read().decode()


def last_error(daemon: Daemon) -> str:
    (link,) = daemon.status()["links"]
    return str(link["last_error"])


def test_a_port_that_refuses_is_tried_again_until_the_smsc_is_there(
    smsc_factory: SmscFactory, daemon_factory: DaemonFactory
) -> None:
    with socket.socket() as held, socket.socket() as other:
        held.bind(("127.0.0.1", 0))
        other.bind(("127.0.0.1", 0))
        port, listen = held.getsockname()[1], other.getsockname()[1]
        other.close()
        observe = {"listen": f"127.0.0.1:{listen}"}
        daemon = daemon_factory(port, link=RECONNECT, observe=observe)
        daemon.submit([good(1)])
        daemon.start(bound=False)
        daemon.wait(lambda: daemon.status()["states"]["queued"] == 1, "the message")
        reason = f"127.0.0.1:{port} refuses connections: check host and port"
        assert reason in logged(daemon, "link_lost", 3)[0]["reason"]
        assert reason in last_error(daemon)
        code, text = readiness(listen)
        assert code == 503
        assert f"link main is not bound: {reason}" in text
    simulated(smsc_factory, port=port)
    assert daemon.wait_report().results[0]["state"] == "delivered"
    assert readiness(listen)[0] == 200
    finish(daemon)


def test_a_host_without_an_address_is_told_and_tried_again(daemon_factory: DaemonFactory) -> None:
    daemon = daemon_factory(2775, link={"host": "smsc.invalid", **RECONNECT})
    daemon.submit([good(1)])
    daemon.start(bound=False)
    lost = logged(daemon, "link_lost", 2)
    assert lost[0]["level"] == "warning"
    assert lost[0]["reason"].startswith("cannot resolve smsc.invalid:2775 (")
    assert lost[0]["reason"].endswith(": check the host name and the DNS")
    assert "cannot resolve" in last_error(daemon)
    daemon.wait(lambda: daemon.status()["states"]["queued"] == 1, "the message")
    check = smppd("check", "--config", str(daemon.config))
    assert check.code == 1
    (problem,) = [each for each in check.out.splitlines() if each.startswith("problem")]
    assert "link main, host smsc.invalid:2775: cannot resolve it" in problem
    finish(daemon)


def test_a_wrong_password_is_told_with_its_cure_and_the_messages_wait(
    smsc_factory: SmscFactory, daemon_factory: DaemonFactory
) -> None:
    smsc = simulated(smsc_factory, "--password", "other")
    daemon = daemon_factory(smsc.port, link=RECONNECT)
    daemon.submit([good(1), good(2)])
    daemon.start(bound=False)
    (refused,) = logged(daemon, "bind_refused")
    assert refused["level"] == "warning"
    assert refused["status"] in {"ESME_RINVPASWD", "ESME_RBINDFAIL"}
    assert "password" in refused["hint"]
    # Another attempt soon would gain nothing, and may lock the account.
    assert refused["retry_in"] >= 60
    daemon.wait(lambda: daemon.status()["states"]["queued"] == 2, "the messages")
    assert f"bind refused with {refused['status']}: 127.0.0.1:{smsc.port}" in last_error(daemon)
    assert "secret" not in daemon.log

    code, findings = daemon.command("check", "--connect")
    assert code == 1
    (problem,) = [each for each in findings if not each["ok"]]
    assert refused["status"] in problem["says"]
    assert "password" in problem["says"]

    finish(daemon)
    (daemon.folder / "password").write_text("other")
    daemon.start()
    states = [result["state"] for result in daemon.wait_report().results]
    assert states == ["delivered", "delivered"]
    finish(daemon)


# ── the journal ──────────────────────────────────────────────────────────────────────────────


def newer(path: Path) -> str:
    with sqlite3.connect(path) as sql:
        sql.execute("PRAGMA journal_mode = WAL")
        sql.execute("CREATE TABLE message (msg_id INTEGER PRIMARY KEY)")
        sql.execute("PRAGMA application_id = 0x736D7070")
        sql.execute("PRAGMA user_version = 99")
    sql.close()
    return "is of version 99, this smppd knows up to "


def of_another_program(path: Path) -> str:
    with sqlite3.connect(path) as sql:
        sql.execute("CREATE TABLE customer (name TEXT)")
    sql.close()
    return "is a database, but not a journal of smppd: set [journal] path to another file"


def of_another_program_with_versions(path: Path) -> str:
    with sqlite3.connect(path) as sql:
        sql.execute("CREATE TABLE customer (name TEXT)")
        sql.execute("PRAGMA application_id = 7")
        sql.execute("PRAGMA user_version = 99")
    sql.close()
    return "is a database, but not a journal of smppd: set [journal] path to another file"


def a_text(path: Path) -> str:
    path.write_text("Dear diary,\n" * 100)
    return "cannot open journal"


@pytest.mark.parametrize(
    "spoil", [newer, of_another_program, of_another_program_with_versions, a_text]
)
def test_a_file_that_is_no_journal_of_ours_is_refused_and_left_as_it_was(
    spoil: Callable[[Path], str], silent_port: int, daemon_factory: DaemonFactory
) -> None:
    daemon = daemon_factory(silent_port)
    handed_in = daemon.submit([good(1)])
    path = daemon.folder / "journal.db"
    expected = spoil(path)
    before = path.read_bytes()
    told = refusal(daemon)
    assert told.startswith("smppd: ")
    assert expected in told
    assert str(path) in told
    assert str(path) in complaint(1, "show", "good-1", "--config", str(daemon.config))
    assert path.read_bytes() == before
    assert handed_in.exists()


@pytest.mark.parametrize("there", ["a folder", "a file for its folder", "a folder for its lock"])
def test_a_place_where_no_journal_can_be_is_told(
    there: str, silent_port: int, daemon_factory: DaemonFactory
) -> None:
    daemon = daemon_factory(silent_port)
    path = daemon.folder / "journal.db"
    if there == "a folder":
        path.mkdir()
    elif there == "a folder for its lock":
        path.with_name("journal.db.lock").mkdir()
    else:
        path.touch()
        text = daemon.config.read_text()
        daemon.config.write_text(text.replace('"journal.db"', '"journal.db/journal.db"'))
    told = refusal(daemon)
    assert str(path) in told
    assert "[journal] path" in told


# ── a second daemon ──────────────────────────────────────────────────────────────────────────


def test_a_second_daemon_is_refused_and_the_first_one_does_not_notice(
    smsc_factory: SmscFactory, daemon_factory: DaemonFactory
) -> None:
    first = daemon_factory(simulated(smsc_factory).port)
    first.start()
    assert first.program.process is not None
    pid = first.program.process.pid
    text = first.config.read_text()
    second = first.folder / "second.toml"

    def start_second(*own: str) -> str:
        changed = text
        for place in own:
            changed = changed.replace(f'"{place}"', f'"second-{place}"')
        second.write_text(changed)
        return complaint(1, "run", "--config", str(second))

    same_spool = start_second("journal.db", "control.sock")
    assert f"spool {first.spool} is in use by another smppd, pid {pid}: " in same_spool
    assert "give this one another [spool] path" in same_spool
    same_journal = start_second("spool", "control.sock")
    journal = first.folder / "journal.db"
    assert f"journal {journal} is in use by another smppd, pid {pid}: " in same_journal
    assert "[journal] path" in same_journal
    same_socket = start_second("spool", "journal.db")
    assert str(first.control) in same_socket
    assert "another daemon answers on this socket" in same_socket
    assert "[observe] control" in same_socket

    first.submit([good(1)])
    assert first.wait_report().results[0]["state"] == "delivered"
    assert first.status()["pid"] == pid
    assert first.events("daemon_started")[1:] == []
    finish(first)


def test_what_a_killed_daemon_left_does_not_keep_the_next_one_from_starting(
    smsc_factory: SmscFactory, daemon_factory: DaemonFactory
) -> None:
    daemon = daemon_factory(simulated(smsc_factory).port)
    daemon.start()
    daemon.kill()
    assert daemon.control.exists()
    daemon.start()
    daemon.submit([good(1)])
    assert daemon.wait_report().results[0]["state"] == "delivered"
    finish(daemon)


# ── places ───────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("place", ["spool", "journal"])
def test_a_folder_that_may_not_be_written_is_told(
    place: str, silent_port: int, daemon_factory: DaemonFactory, unprivileged: Sequence[str]
) -> None:
    daemon = daemon_factory(silent_port)
    closed = daemon.folder / place
    closed.mkdir()
    closed.chmod(0o500)
    if place == "journal":
        text = daemon.config.read_text()
        daemon.config.write_text(text.replace('"journal.db"', '"journal/journal.db"'))
    told = refusal(daemon, by=unprivileged)
    assert told.startswith("smppd: ")
    assert str(closed) in told
    assert "Permission denied" in told
    check = smppd("check", "--config", str(daemon.config), by=unprivileged)
    assert check.code == 1
    problems = [each for each in check.out.splitlines() if each.startswith("problem")]
    assert str(closed) in problems[0]


def test_an_inbox_on_another_filesystem_is_told(
    silent_port: int, daemon_factory: DaemonFactory, request: pytest.FixtureRequest
) -> None:
    daemon = daemon_factory(silent_port)
    elsewhere = Path("/dev/shm") / daemon.folder.parent.name
    if (
        not elsewhere.parent.is_dir()
        or elsewhere.parent.stat().st_dev == Path("/tmp").stat().st_dev
    ):
        pytest.skip("there is no second filesystem here")
    elsewhere.mkdir()
    request.addfinalizer(lambda: shutil.rmtree(elsewhere))
    daemon.spool.mkdir()
    (daemon.spool / "inbox").symlink_to(elsewhere)
    told = refusal(daemon)
    assert f"{daemon.spool}/inbox is on another filesystem than {daemon.spool}: " in told
    assert "mount the whole spool as one filesystem" in told


def test_a_port_for_metrics_that_is_taken_is_told(
    silent_port: int, daemon_factory: DaemonFactory
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken_port:
        listen = f"127.0.0.1:{taken_port.getsockname()[1]}"
        daemon = daemon_factory(silent_port, observe={"listen": listen})
        handed_in = daemon.submit([good(1)])
        told = refusal(daemon)
        check = smppd("check", "--config", str(daemon.config))
    assert f"cannot listen on {listen}: Address already in use: set [observe] listen" in told
    assert handed_in.exists()
    assert check.code == 1
    (problem,) = [each for each in check.out.splitlines() if each.startswith("problem")]
    assert f"listen {listen}: cannot listen there: Address already in use" in problem


def test_a_control_socket_that_cannot_be_made_is_told(
    silent_port: int, daemon_factory: DaemonFactory
) -> None:
    daemon = daemon_factory(silent_port, observe={"control": "nowhere/control.sock"})
    told = refusal(daemon)
    assert "nowhere/control.sock" in told
    assert "its folder does not exist; create it" in told
    assert "[observe] control" in told


def remove(folder: Path) -> None:
    shutil.rmtree(folder)


def replace_by_a_file(folder: Path) -> None:
    shutil.rmtree(folder)
    folder.touch()


@pytest.mark.parametrize(
    ("name", "spoil"),
    [("work", remove), ("done", replace_by_a_file), ("receipts", remove)],
    ids=["work", "done", "receipts"],
)
def test_a_folder_that_is_taken_away_from_a_running_daemon_is_told_and_nothing_is_lost(
    name: str,
    spoil: Callable[[Path], None],
    smsc_factory: SmscFactory,
    daemon_factory: DaemonFactory,
) -> None:
    daemon = daemon_factory(simulated(smsc_factory).port)
    daemon.start()
    folder = daemon.spool / name
    spoil(folder)
    daemon.submit([good(1)])
    (failing,) = logged(daemon, "disk_failing")
    assert str(folder) in failing["reason"]

    if folder.is_file():
        folder.unlink()
    folder.mkdir()
    logged(daemon, "disk_recovered")
    assert daemon.wait_report().results[0]["state"] == "delivered"
    assert len(list(daemon.spool.glob("receipts/receipts-*.jsonl"))) == 1
    finish(daemon)


# ── commands ─────────────────────────────────────────────────────────────────────────────────


def test_commands_say_what_is_missing_and_what_to_do(
    silent_port: int, daemon_factory: DaemonFactory, tmp_path: Path
) -> None:
    daemon = daemon_factory(silent_port)
    config = ("--config", str(daemon.config))
    no_journal = f"smppd: there is no journal at {daemon.folder}/journal.db: "
    for words in (("show", "x"), ("audit",), ("requeue", "x")):
        assert complaint(1, *words, *config).startswith(no_journal)
    no_spool = complaint(1, "submit", "--to", "+34600000001", "--text", "Hola", *config)
    assert f"there is no spool at {daemon.spool}: start smppd run once" in no_spool

    daemon.start(bound=False)
    assert "there is no message x in the journal" in complaint(1, "show", "x", *config)
    finish(daemon)
    assert "there is no message x in the journal" in complaint(1, "show", "x", *config)

    nobody = f"no daemon listens on {daemon.control}: start it"
    assert nobody in complaint(1, "requeue", "--all", *config)
    assert nobody in complaint(1, "status", *config)

    missing = complaint(2, "submit", str(tmp_path / "no.jsonl"), *config)
    assert f"{tmp_path}/no.jsonl: cannot be read: No such file or directory" in missing
    (tmp_path / "table.xls").write_text("x")
    wrong = complaint(2, "submit", str(tmp_path / "table.xls"), *config)
    assert "has no known extension: name it .json, .jsonl" in wrong
    (tmp_path / "no.jsonl").touch()
    empty = complaint(2, "submit", str(tmp_path / "no.jsonl"), *config)
    assert "no.jsonl: is empty: there is nothing to send" in empty
    number = complaint(2, "submit", "--to", "my mother", "--text", "Hola", *config)
    assert "has no place in a number" in number
    assert not list((daemon.spool / "inbox").glob("*.json*"))
