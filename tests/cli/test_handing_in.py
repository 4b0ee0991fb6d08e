"""`smppd submit`: what goes into the inbox, what is refused before it does, and waiting."""

from __future__ import annotations

import json
import os
import threading
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from smppd.cli import handin, main
from smppd.cli.following import Bad, Done, Gone, InInbox, InWork, locate
from smppd.cli.handin import HandedIn, hand_in
from smppd.cli.terminal import Terminal
from smppd.cli.waiting import wait
from smppd.message import Lane
from smppd.spool.folders import prepare_root
from tests.cli.one_link import CONFIG, configure


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A spool, with the configuration that names it in the environment."""
    configure(tmp_path, monkeypatch)
    assert prepare_root(tmp_path / "spool") is None
    return tmp_path / "spool"


def files_in(folder: Path) -> list[Path]:
    return sorted(path for path in folder.iterdir() if path.is_file())


# ── handing in ───────────────────────────────────────────────────────────────────────────────


def test_one_message_is_a_json_file_of_its_lane(
    root: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["--to=+34600000001", "--text=Hola ñ", "--from=ACME", "--id=order-77", "--lane=high"]
    assert main(["submit", *words, "--no-receipt", "--flash", "--transliterate"]) == 0
    (file,) = files_in(root / "inbox" / "high")
    assert json.loads(file.read_bytes()) == {
        "to": "+34600000001",
        "text": "Hola ñ",
        "from": "ACME",
        "id": "order-77",
        "receipt": False,
        "flash": True,
        "transliterate": True,
    }
    assert capsys.readouterr().out == f"handed in as {file.name}\n"
    assert files_in(root / "inbox" / "tmp") == []


@pytest.mark.parametrize(
    ("shared", "umask", "mode"),
    [(True, 0o077, 0o640), (False, 0o077, 0o600), (True, 0o002, 0o644), (False, 0o002, 0o664)],
)
def test_the_daemon_can_read_what_a_member_of_its_group_hands_in_and_no_other_write_it(
    root: Path, shared: bool, umask: int, mode: int
) -> None:
    for folder in (root / "inbox", root / "inbox" / "tmp"):
        folder.chmod(0o3770 if shared else 0o770)
    before = os.umask(umask)
    try:
        assert main(["submit", "--to=+34600000001", "--text=Hola"]) == 0
    finally:
        os.umask(before)
    (file,) = files_in(root / "inbox")
    assert file.stat().st_mode & 0o777 == mode


def test_several_destinations_are_one_message(root: Path) -> None:
    assert main(["submit", "--to=+34600000001", "--to=600000002", "--text=Hola"]) == 0
    (file,) = files_in(root / "inbox")
    assert json.loads(file.read_bytes())["to"] == ["+34600000001", "600000002"]


ROUTED = """
[link.es]
host = "127.0.0.1"
system_id = "acme"
password_env = "SMPPD_TEST_PASSWORD"
default_country = "34"

[[routing.route]]
name = "es"
to = ["34"]
links = ["es"]

[link.in]
host = "127.0.0.1"
system_id = "acme"
password_env = "SMPPD_TEST_PASSWORD"
bind = "receiver"
"""


def test_a_message_is_checked_on_the_terms_of_the_link_that_will_carry_it(
    root: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    config = root.parent / "smppd.toml"
    config.write_text(CONFIG.replace('default_country = "34"', "") + ROUTED)
    assert main(["submit", "--to=600000002", "--text=Hola"]) == 0
    assert len(files_in(root / "inbox")) == 1
    assert main(["submit", "--to=600000002", "--text=Hola", "--via=main"]) == 2
    assert "default_country" in capsys.readouterr().err
    assert main(["submit", "--to=+34600000002", "--text=Hola", "--via=in"]) == 2
    assert 'link "in" only receives; use one of: es, main (BAD_VIA)' in capsys.readouterr().err
    assert len(files_in(root / "inbox")) == 1


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (["--to=+34600000001"], "MISSING_TEXT"),
        (["--text=Hola"], "MISSING_TO"),
        (["--to=", "--text=Hola"], "EMPTY_TO"),
        (["--to=abc", "--text=Hola"], "BAD_TO"),
        (["--to=+34600000001", "--to=abc", "--text=Hola"], "BAD_TO"),
        (["--to=+34600000001", "--text=Hola", "--via=moon"], "BAD_VIA"),
        (["--to=+34600000001", "--text=Hola", "--from=a name far too long"], "BAD_FROM"),
        (["--to=+34600000001", "--text=☕", "--encoding=gsm7"], "BAD_ENCODING"),
        (["--to=+34600000001", "--text=Hola", "--encoding=utf8"], "BAD_ENCODING"),
        (["--to=+34600000001", "--data=xyz"], "BAD_HEX"),
        (["--to=+34600000001", "--text=Hola", "--expires=soon"], "BAD_EXPIRES"),
        (["--to=+34600000001", "--text=Hola", "--on-unknown=pray"], "BAD_ON_UNKNOWN"),
    ],
)
def test_a_message_that_the_daemon_would_reject_is_wrong_use(
    words: list[str], code: str, root: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["submit", *words]) == 2
    told = capsys.readouterr().err
    assert told.startswith("smppd: ")
    assert told.endswith(f"({code})\n")
    assert files_in(root / "inbox") == []


def test_a_file_is_copied_and_a_name_that_is_taken_gets_a_number(
    root: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    batch = tmp_path / "batch.jsonl"
    batch.write_bytes(b'{"to": "+34600000001", "text": "Hola"}\n' * 100_000)
    assert main(["submit", str(batch), "--json"]) == 0
    assert main(["submit", str(batch)]) == 0
    assert [path.name for path in files_in(root / "inbox")] == ["batch.jsonl", "batch~2.jsonl"]
    assert all(path.read_bytes() == batch.read_bytes() for path in files_in(root / "inbox"))
    told = capsys.readouterr().out
    described, _, rest = told.rpartition("}")
    assert json.loads(described + "}")["name"] == "batch.jsonl"
    assert rest == "\nhanded in as batch~2.jsonl\n"


@pytest.mark.parametrize(
    ("name", "content", "told"),
    [
        (
            "batch.xls",
            b"x",
            "has no known extension: name it .json, .jsonl, .csv, .sms or .txt, each also with .gz",
        ),
        (
            "batch.json.progress.json",
            b"x",
            "has no known extension: name it .json, .jsonl, .csv, .sms or .txt, each also with .gz",
        ),
        ("batch.jsonl", b"", "is empty: there is nothing to send"),
        ("batch.jsonl", None, "cannot be read: No such file or directory"),
        (".", None, "is a folder: name a file in it"),
    ],
)
def test_a_file_that_cannot_be_one_is_wrong_use(
    name: str,
    content: bytes | None,
    told: str,
    root: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    file = tmp_path / name
    if content is not None:
        file.write_bytes(content)
    assert main(["submit", str(file)]) == 2
    assert capsys.readouterr().err == f"smppd: {file}: {told}\n"
    assert files_in(root / "inbox") == []


def test_a_file_and_a_message_are_not_both_taken(root: Path, tmp_path: Path) -> None:
    file = tmp_path / "batch.jsonl"
    file.write_bytes(b"{}\n")
    assert main(["submit", str(file), "--to=+34600000001", "--text=Hola"]) == 2
    assert main(["submit"]) == 2
    assert files_in(root / "inbox") == []


def test_without_a_spool_nothing_can_be_handed_in(
    root: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    root.rename(root.with_name("elsewhere"))
    assert main(["submit", "--to=+34600000001", "--text=Hola"]) == 1
    assert f"there is no spool at {root}" in capsys.readouterr().err


def test_a_draft_that_cannot_be_finished_is_removed(root: Path) -> None:
    def content() -> Any:
        yield b"half"
        raise OSError(28, "No space left on device")

    with pytest.raises(OSError, match="No space left"):
        hand_in(root, Lane.NORMAL, "batch.jsonl", content())
    assert files_in(root / "inbox" / "tmp") == files_in(root / "inbox") == []


def test_two_who_hand_in_the_same_name_at_once_both_get_in(root: Path) -> None:
    def several() -> None:
        for number in range(20):
            hand_in(root, Lane.NORMAL, "batch.json", [b"%d" % number])

    threads = [threading.Thread(target=several) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    contents = [path.read_bytes() for path in files_in(root / "inbox")]
    assert sorted(contents) == sorted(b"%d" % number for number in range(20) for _ in range(4))


# ── following ────────────────────────────────────────────────────────────────────────────────


def handed(root: Path) -> HandedIn:
    return hand_in(root, Lane.NORMAL, "batch.jsonl", [b"{}\n"])


def claim(file: HandedIn) -> Path:
    """What the daemon does when it claims a file."""
    folder = file.root / "work" / "20261121T100000000Z-000001-normal"
    folder.mkdir()
    return file.path.rename(folder / file.name)


def report(file: HandedIn, states: dict[str, int], name: str = "batch.jsonl") -> Path:
    """What the daemon does when a claimed file is done with."""
    day = file.root / "done" / "2026-11-21"
    day.mkdir(exist_ok=True)
    totals = {"messages": sum(states.values()), "complete": True, "states": states}
    (day / f"{name}.report.json").write_text(json.dumps(totals))
    (source,) = (file.root / "work").glob(f"*/{file.name}")
    return source.rename(day / name)


def test_a_file_is_followed_from_place_to_place(root: Path) -> None:
    file = handed(root)
    assert locate(file) == InInbox()
    claimed = claim(file)
    assert locate(file) == InWork()
    claimed.with_name(f"{file.name}.progress.json").write_text(
        json.dumps({"read": True, "total": 3, "done": 1, "states": {"sent": 2, "delivered": 1}})
    )
    assert locate(file) == InWork(True, 3, 1, {"sent": 2, "delivered": 1})
    placed = report(file, {"delivered": 3})
    found = locate(file)
    assert isinstance(found, Done)
    assert (found.source, found.states, found.good) == (placed, {"delivered": 3}, True)


@pytest.mark.parametrize(
    ("terms", "states", "good"),
    [
        ({"once": True}, {"duplicate": 2}, True),
        ({"once": True}, {"duplicate": 1, "failed": 1}, False),
        ({"canary": 10}, {"duplicate": 2}, False),
        (None, {"duplicate": 2}, False),
    ],
)
def test_what_goes_once_and_had_gone_before_is_no_failure(
    terms: dict[str, Any] | None, states: dict[str, int], good: bool
) -> None:
    report = {"states": states} if terms is None else {"states": states, "terms": terms}
    assert Done(Path("a.csv"), report).good is good


def test_a_file_is_known_by_its_inode_not_by_its_name(root: Path) -> None:
    first = handed(root)
    claim(first)
    report(first, {"failed": 1})
    second = handed(root)
    claimed = claim_again(second)
    assert locate(second) == InWork()
    claimed.rename(root / "done" / "2026-11-21" / "batch~2.jsonl")
    (root / "done" / "2026-11-21" / "batch~2.jsonl.report.json").write_text(
        '{"messages": 1, "states": {"sent": 1}}'
    )
    found = locate(second)
    assert isinstance(found, Done)
    assert found.results.name == "batch~2.jsonl.results.jsonl"
    assert found.good
    other = locate(first)
    assert isinstance(other, Done)
    assert not other.good


def claim_again(file: HandedIn) -> Path:
    folder = file.root / "work" / "20261121T100000000Z-000002-normal"
    folder.mkdir()
    return file.path.rename(folder / file.name)


def test_a_file_that_is_bad_or_withdrawn_is_told_apart(root: Path) -> None:
    file = handed(root)
    day = root / "bad" / "2026-11-21"
    day.mkdir()
    file.path.rename(day / "batch~7.jsonl")
    (day / "batch~7.jsonl.error.json").write_text('{"reason": "is binary", "cure": "write text"}')
    assert locate(file) == Bad(day / "batch~7.jsonl", "is binary: write text")
    (day / "batch~7.jsonl").unlink()
    assert locate(file) == Gone()


def test_waiting_ends_with_the_results(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    def daemon() -> None:
        inbox = root / "inbox" / "batch.jsonl"
        while not inbox.exists():
            time.sleep(0.01)
        status = inbox.stat()
        file = HandedIn(root, Lane.NORMAL, "batch.jsonl", (status.st_dev, status.st_ino))
        claim(file)
        report(file, {"delivered": 2})

    batch = root.parent / "batch.jsonl"
    batch.write_bytes(b"{}\n{}\n")
    thread = threading.Thread(target=daemon)
    thread.start()
    assert main(["submit", str(batch), "--wait", "--timeout=20"]) == 0
    thread.join()
    told = capsys.readouterr()
    place = root / "done" / "2026-11-21" / "batch.jsonl.results.jsonl"
    assert told.out.splitlines()[0] == "handed in as batch.jsonl"
    assert told.out.splitlines()[-2:] == ["2 messages: 2 delivered", f"results in {place}"]
    assert "no daemon listens" in told.err


@pytest.mark.parametrize(
    ("messages", "told"),
    [
        (2, ["  c-2 failed: NOT_ACCESS_TO_TEMPLATE: You haven't access"]),
        (11, []),
    ],
)
def test_waiting_for_a_few_says_why_one_was_not_sent(
    messages: int, told: list[str], root: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = handed(root)
    claim(file)
    placed = report(file, {"sent": messages - 1, "failed": 1})
    error = {"code": "NOT_ACCESS_TO_TEMPLATE", "text": "You haven't access"}
    lines = [
        {"line": 1, "id": "c-1", "state": "sent", "error": None},
        {"line": 2, "id": "c-2", "state": "failed", "error": error},
    ]
    results = placed.with_name("batch.jsonl.results.jsonl")
    results.write_text("".join(json.dumps(each) + "\n" for each in lines))
    assert isinstance(wait(file, Terminal(), 1.0), Done)
    head, *between, place = capsys.readouterr().out.splitlines()
    assert head == f"{messages} messages: {messages - 1} sent, 1 failed"
    assert between == told
    assert place == f"results in {results}"


@pytest.mark.parametrize("states", [{"delivered": 1, "failed": 1}, {"unknown": 1}, {}])
def test_waiting_fails_unless_all_were_sent(states: dict[str, int], root: Path) -> None:
    file = handed(root)
    claim(file)
    report(file, states)
    found = locate(file)
    assert isinstance(found, Done)
    assert not found.good


def test_a_file_that_is_not_kept_is_known_by_its_report(root: Path) -> None:
    file = handed(root)
    claim(file).unlink()
    moment = datetime.now(UTC)
    day = root / "done" / f"{moment:%Y-%m-%d}"
    day.mkdir(exist_ok=True)

    def reported(name: str, when: datetime, state: str, lane: str = "normal") -> None:
        about = {"file": "batch.jsonl", "lane": lane, "handed_in": when.isoformat()}
        totals = {**about, "messages": 1, "states": {state: 1}}
        (day / f"{name}.report.json").write_text(json.dumps(totals))

    reported("batch.jsonl", moment - timedelta(minutes=1), "failed")
    assert locate(file) == Gone()
    reported("batch~2.jsonl", moment, "failed", "bulk")
    assert locate(file) == Gone()
    reported("batch~3.jsonl", moment + timedelta(seconds=2), "failed")
    reported("batch~4.jsonl", moment, "delivered")
    found = locate(file)
    assert isinstance(found, Done)
    assert found.good
    assert found.results == day / "batch~4.jsonl.results.jsonl"


def test_an_inode_that_is_used_again_is_not_taken_for_the_file(root: Path) -> None:
    file = handed(root)
    day = root / "done" / "2026-11-21"
    day.mkdir(exist_ok=True)
    file.path.rename(day / "other~2.jsonl")
    assert locate(file) == Gone()


def test_who_waits_for_what_is_held_hears_why(
    root: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = handed(root)
    told = {"total": 9, "campaign": "two words", "held": "11 of 20 failed"}
    claim(file).with_name(f"{file.name}.progress.json").write_text(json.dumps(told))
    wait(file, Terminal(), 0.0)
    wanted = "held: 11 of 20 failed; smppd resume --campaign 'two words' lets it go on"
    assert wanted in capsys.readouterr().err


def test_who_waits_long_in_the_inbox_is_asked_whether_anybody_is_there(
    root: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without a timeout it would wait for ever and say nothing."""
    now = [0.0]
    monkeypatch.setattr("smppd.cli.waiting.time.monotonic", lambda: now[0])
    monkeypatch.setattr(
        "smppd.cli.waiting.time.sleep", lambda seconds: now.append(now.pop() + seconds)
    )
    wait(handed(root), Terminal(), 30.0)
    assert capsys.readouterr().out.splitlines() == [
        "waits in the inbox",
        "waits in the inbox: is smppd running?",
    ]


def test_waiting_gives_up_after_its_timeout(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["submit", "--to=+34600000001", "--text=Hola", "--wait", "--timeout=300ms"]
    assert main(words) == 1
    told = capsys.readouterr()
    assert "waits in the inbox" in told.out
    assert "is smppd running?" in told.err
    assert main([*words, "--json"]) == 1
    assert json.loads(capsys.readouterr().out)["results"] is None
    assert main([*words, "--timeout=never"]) == 2


def test_waiting_ends_when_the_file_is_withdrawn(
    root: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def withdraw() -> None:
        while not (found := files_in(root / "inbox")):
            time.sleep(0.01)
        found[0].unlink()

    thread = threading.Thread(target=withdraw)
    thread.start()
    assert main(["submit", "--to=+34600000001", "--text=Hola", "--wait", "--timeout=20"]) == 1
    thread.join()
    assert "is gone" in capsys.readouterr().err


# ── a file with what it says of itself ───────────────────────────────────────────────────────


@pytest.mark.parametrize("name", ["a.csv", "a.csv.gz", "a.jsonl", "a.json"])
def test_a_campaign_lies_beside_its_file_before_it(
    name: str, root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / name
    file.write_bytes(b"to,name\n600,Ana\n")
    seen: list[list[str]] = []
    rename = handin._rename_to_free

    def watched(source: Path, target: Path) -> bool:
        seen.append(sorted(path.name for path in files_in(root / "inbox")))
        return rename(source, target)

    monkeypatch.setattr(handin, "_rename_to_free", watched)
    words = ["--campaign=K", "--canary=100", "--spread=2h", "--unique-text", "--from=ACME"]
    assert main(["submit", str(file), *words, "--template=Hola {name}", "--no-receipt"]) == 0
    assert seen == [[], [f"{name}.meta.json"]]
    assert json.loads((root / "inbox" / f"{name}.meta.json").read_bytes()) == {
        "name": "K",
        "once": True,
        "canary": 100,
        "spread": "2h",
        "unique_text": True,
        "from": "ACME",
        "text": "Hola {name}",
        "receipt": False,
    }
    assert main(["submit", str(file), "--text=100% {Hola}"]) == 0
    first, second = sorted(path for path in files_in(root / "inbox") if "~2" in path.name)
    assert second.name == f"{first.name}.meta.json"
    assert json.loads(second.read_bytes()) == {"text": "100% {{Hola}}"}
    assert files_in(root / "inbox" / "tmp") == []


def test_a_message_may_be_a_campaign(root: Path) -> None:
    assert main(["submit", "--to=+34600000001", "--text=Hola", "--campaign=K"]) == 0
    message, settings = files_in(root / "inbox")
    assert json.loads(message.read_bytes())["text"] == "Hola"
    assert json.loads(settings.read_bytes()) == {"name": "K", "once": True}


def test_what_lies_beside_a_file_goes_with_it_and_must_not_contradict_the_options(
    root: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "a.csv"
    file.write_bytes(b"to,text\n600,a\n")
    (tmp_path / "a.csv.meta.json").write_text('{"from": "ACME"}')
    assert main(["submit", str(file), "--campaign=K"]) == 0
    settings = json.loads((root / "inbox" / "a.csv.meta.json").read_bytes())
    assert settings == {"from": "ACME", "name": "K", "once": True}
    assert main(["submit", str(file), "--from=OTHER"]) == 2
    assert "from is given twice" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["--spread=long"], "spread: must be a duration"),
        (["--canary=few"], "canary"),
        (["--campaign="], "name"),
        (["--template=Hola {"], "a brace stands alone in column 6"),
        (["--template=a", "--text=b"], "--template goes with FILE, and not with --text"),
        (["--id=a"], "--id does not go with FILE"),
        (["--expires=soon"], "expires"),
    ],
)
def test_wrong_settings_are_wrong_use(
    words: list[str], told: str, root: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "a.csv"
    file.write_bytes(b"to,text\n600,a\n")
    assert main(["submit", str(file), *words]) == 2
    error = capsys.readouterr().err
    assert told in error
    assert error.count("\n") == 1
    assert files_in(root / "inbox") == []


def test_what_this_user_may_not_see_in_work_is_taken_to_be_there(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = hand_in(root, Lane.NORMAL, "m.json", [b"{}"])
    file.path.unlink()
    assert locate(file) == Gone()
    monkeypatch.setattr(os, "access", lambda folder, *_, **__: Path(folder).name != "work")
    assert locate(file) == InWork()
