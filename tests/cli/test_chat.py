"""`smppd chat`: what is asked of the provider, what is shown, and what is handed in."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from smppd.cli import main
from smppd.provider.answers import Failure, NoAnswer, Success
from smppd.spool.folders import prepare_root
from tests.cli.calling import Provider, scripted

CHANNEL = {"platform": "whatsapp", "platformid": "100"}
SECTION = """
[chat]
account = "second"

[[chat.channel]]
platform = "whatsapp"
platformid = "100"
"""
ANOTHER = """
[[chat.channel]]
platform = "telegram"
platformid = "7"
"""


def message(messageid: int, **fields: Any) -> dict[str, Any]:
    return {
        **CHANNEL,
        "message": f"text {messageid}",
        "destination": "34600000001",
        "messageid": messageid,
        "sent": 0,
        "status": "read",
        "datetime": f"2026-11-21 10:59:{messageid:02d}",
    } | fields


def success(*entries: Any) -> Success:
    return Success(json.dumps(entries).encode())


@pytest.fixture
def provider(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Provider:
    return scripted(tmp_path, monkeypatch)


@pytest.fixture
def file(provider: Provider, tmp_path: Path) -> Path:
    """The configuration, with a channel."""
    path = tmp_path / "smppd.toml"
    path.write_text(path.read_text() + SECTION)
    return path


@pytest.fixture
def inbox(tmp_path: Path) -> Path:
    assert prepare_root(tmp_path / "spool") is None
    return tmp_path / "spool" / "inbox"


def handed_in(inbox: Path) -> list[dict[str, Any]]:
    return [json.loads(path.read_bytes()) for path in sorted(inbox.glob("*.json"))]


# ── channels ─────────────────────────────────────────────────────────────────────────────────


def test_channels_are_a_table(provider: Provider, capsys: pytest.CaptureFixture[str]) -> None:
    provider.answer("chat.getchatchannels", success({**CHANNEL, "name": "Shop", "odd": 1}))
    assert main(["chat", "channels"]) == 0
    assert capsys.readouterr().out.splitlines() == [
        "platform  platformid  name",
        "whatsapp  100         Shop",
    ]
    assert main(["chat", "channels", "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == [{**CHANNEL, "name": "Shop", "odd": 1}]


def test_a_refusal_is_one_line(provider: Provider, capsys: pytest.CaptureFixture[str]) -> None:
    provider.answer("chat.getchatchannels", Failure("INCORRECT_USER_PASSWORD", "Incorrect"))
    assert main(["chat", "channels"]) == 1
    assert capsys.readouterr() == ("", "smppd: INCORRECT_USER_PASSWORD: Incorrect\n")


# ── list ─────────────────────────────────────────────────────────────────────────────────────


def test_conversations_stand_with_the_newest_first_and_those_marked_that_wait(
    provider: Provider, file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    provider.answer(
        "chat.getchats",
        success(
            message(1),
            message(3, destination="34600000003", message="two\nlines"),
            message(2, destination="34600000002", sent=1, status="sent"),
        ),
    )
    assert main(["chat", "list"]) == 0
    assert capsys.readouterr().out.splitlines() == [
        "   channel       destination  datetime             last by  status  text",
        "*  whatsapp/100  34600000003  2026-11-21 10:59:03  them     read    two lines",
        "   whatsapp/100  34600000002  2026-11-21 10:59:02  us       sent    text 2",
        "*  whatsapp/100  34600000001  2026-11-21 10:59:01  them     read    text 1",
        "3 conversations, 2 with their word the last (*)",
    ]
    (asked,) = provider.asked
    assert (asked.op, asked.args, asked.via) == ("chat.getchats", CHANNEL, "second")


def test_for_programs_a_conversation_has_all_that_the_provider_says(
    provider: Provider, file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    provider.answer("chat.getchats", success(message(1, odd=[1])))
    assert main(["chat", "list", "--json"]) == 0
    (told,) = json.loads(capsys.readouterr().out)
    assert told == {
        **CHANNEL,
        "destination": "34600000001",
        "text": "text 1",
        "messageid": "1",
        "ours": False,
        "status": "read",
        "datetime": "2026-11-21 10:59:01",
        "provided": message(1, odd=[1]),
    }


def test_without_configured_channels_the_accounts_own_are_listed(
    provider: Provider, capsys: pytest.CaptureFixture[str]
) -> None:
    provider.answer(
        "chat.getchatchannels", success(CHANNEL, {"platform": "telegram", "platformid": 7})
    )
    provider.answer("chat.getchats", success())
    assert main(["chat", "list"]) == 0
    assert [each.args for each in provider.asked[1:]] == [
        CHANNEL,
        {"platform": "telegram", "platformid": "7"},
    ]
    assert capsys.readouterr().out == "no conversations\n"


def test_a_channel_that_fails_does_not_hide_the_others(
    provider: Provider, file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file.write_text(file.read_text() + ANOTHER)
    provider.answer(
        "chat.getchats", Failure("CHANNEL_NOT_FOUND", "no such channel"), success(message(1))
    )
    assert main(["chat", "list"]) == 1
    told = capsys.readouterr()
    assert told.err == "smppd: whatsapp/100: CHANNEL_NOT_FOUND: no such channel\n"
    assert "telegram/7" in told.out


# ── read ─────────────────────────────────────────────────────────────────────────────────────


def test_a_conversation_is_read_without_marking_it(
    provider: Provider, file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    provider.answer("chat.getmessages", success(message(2, sent="1", status=""), message(1)))
    assert main(["chat", "read", "34600000001"]) == 0
    assert capsys.readouterr().out.splitlines() == [
        "2026-11-21 10:59:01  them  text 1  (read)",
        "2026-11-21 10:59:02  us    text 2",
    ]
    assert [each.op for each in provider.asked] == ["chat.getmessages"]
    assert main(["chat", "read", "34600000001", "--json"]) == 0
    assert [each["messageid"] for each in json.loads(capsys.readouterr().out)] == ["1", "2"]


def test_which_channel_is_asked_where_there_are_several(
    provider: Provider, file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file.write_text(file.read_text() + ANOTHER)
    assert main(["chat", "read", "34600000001"]) == 2
    assert "--channel: whatsapp/100, telegram/7" in capsys.readouterr().err
    provider.answer("chat.getmessages", success())
    assert main(["chat", "read", "34600000001", "--channel", "Telegram/7"]) == 0
    assert provider.asked[-1].args["platform"] == "telegram"
    assert capsys.readouterr().out == "nothing was said yet\n"


@pytest.mark.parametrize("channel", ["whatsapp", "/100", "whatsapp/", "fax/1"])
def test_a_channel_that_is_none_is_refused_here(
    provider: Provider, file: Path, channel: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["chat", "answer", "34600000001", "Hi", "--channel", channel]) == 2
    assert capsys.readouterr().err.count("\n") == 1
    assert provider.asked == []


def test_an_answer_that_is_no_list_is_told(
    provider: Provider, file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    provider.answer("chat.getmessages", Success(b'"OK"'))
    assert main(["chat", "read", "34600000001"]) == 1
    assert "not as documented" in capsys.readouterr().err


# ── answer and send-file ─────────────────────────────────────────────────────────────────────


def test_an_answer_goes_through_the_spool(
    provider: Provider, file: Path, inbox: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["chat", "answer", "34600000001", "¡Hola!", "--id", "a-1"]) == 0
    assert handed_in(inbox) == [
        {
            "op": "chat.sendmessage",
            "args": {**CHANNEL, "destination": "34600000001", "message": "¡Hola!"},
            "via": "second",
            "id": "a-1",
        }
    ]
    assert provider.asked == []
    assert capsys.readouterr().out.startswith("handed in as chat-")


def test_a_text_may_come_from_a_file(
    provider: Provider, file: Path, inbox: Path, tmp_path: Path
) -> None:
    (tmp_path / "text").write_text("from a file\n")
    assert main(["chat", "answer", "34600000001", f"@{tmp_path}/text"]) == 0
    assert handed_in(inbox)[0]["args"]["message"] == "from a file"


def test_now_it_is_called_directly(
    provider: Provider, file: Path, inbox: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    provider.answer("chat.sendmessage", NoAnswer("timed out", sent=True))
    assert main(["chat", "answer", "34600000001", "Hi", "--now"]) == 1
    (asked,) = provider.asked
    assert (asked.op, asked.via) == ("chat.sendmessage", "second")
    assert "it may have been sent: look before you repeat it" in capsys.readouterr().err
    assert handed_in(inbox) == []


def test_a_file_is_sent_by_its_url(provider: Provider, file: Path, inbox: Path) -> None:
    words = ["image", "https://example.net/a.jpg", "--thumb", "https://example.net/t.jpg"]
    assert main(["chat", "send-file", "34600000001", *words, "--message", "Look"]) == 0
    (line,) = handed_in(inbox)
    assert line["op"] == "chat.sendfile"
    assert line["args"] == {
        **CHANNEL,
        "destination": "34600000001",
        "type": "image",
        "fileurl": "https://example.net/a.jpg",
        "thumburl": "https://example.net/t.jpg",
        "message": "Look",
    }


@pytest.mark.parametrize(
    ("words", "wrong"),
    [
        (["answer", "34600000001", ""], "message"),
        (["send-file", "34600000001", "movie", "https://example.net/a"], "type"),
        (["send-file", "34600000001", "image", "a.jpg"], "fileurl"),
    ],
)
def test_what_the_provider_would_refuse_is_refused_here(
    provider: Provider,
    file: Path,
    inbox: Path,
    words: list[str],
    wrong: str,
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(["chat", *words]) == 2
    told = capsys.readouterr().err
    assert told.startswith("smppd: ")
    assert wrong in told
    assert told.count("\n") == 1
    assert handed_in(inbox) == []
    assert provider.asked == []


def test_an_id_is_for_the_spool(
    provider: Provider, file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["chat", "answer", "34600000001", "Hi", "--now", "--id", "x"]) == 2
    assert "--id" in capsys.readouterr().err
