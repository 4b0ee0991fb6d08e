"""`smppd log-level`: more is logged for a while, of one link or one message, and no secret in it."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

import pytest

from smppd.control import ControlRefused, ask

if TYPE_CHECKING:
    from tests.e2e.conftest import Daemon, DaemonFactory, SmscFactory

NUMBER, OTHER = "34600000001", "34600000002"
TEXT = "Sesame"


def started(smsc_factory: SmscFactory, daemon_factory: DaemonFactory, *options: str) -> Daemon:
    listen = ("--listen", "127.0.0.1:0", "--receipt-delay", "50ms", *options)
    smsc = smsc_factory([sys.executable, "-m", "smppd", "simulate", *listen])
    daemon = daemon_factory(smsc.port)
    daemon.start()
    return daemon


def message(id_: str, to: str, text: str = TEXT) -> dict[str, str]:
    return {"id": id_, "to": to, "text": text}


def pdus(daemon: Daemon) -> list[dict[str, Any]]:
    return daemon.events("pdu_passed")


def test_each_pdu_of_a_link_is_a_masked_line_as_long_as_was_asked_for(
    smsc_factory: SmscFactory, daemon_factory: DaemonFactory
) -> None:
    daemon = started(smsc_factory, daemon_factory)
    daemon.submit([message("before", NUMBER)], "before.jsonl")
    daemon.wait_report("before.jsonl")
    assert not pdus(daemon)
    code, said = daemon.command("log-level", "debug", "--link", "main", "--for", "1m")
    assert (code, said) == (0, {"about": "link main", "level": "debug", "seconds": 60.0})
    daemon.submit([message("one", NUMBER)])
    daemon.wait_report()
    seen = daemon.wait(lambda: lines if len(lines := pdus(daemon)) >= 4 else None, "the PDUs")
    told = [(line["direction"], line["pdu"]) for line in seen if "enquire" not in line["pdu"]]
    assert told == [
        ("out", "submit_sm"),
        ("in", "submit_sm_resp"),
        ("in", "deliver_sm"),
        ("out", "deliver_sm_resp"),
    ]
    assert {line["level"] for line in seen} == {"debug"}
    assert seen[0]["sequence"] == seen[1]["sequence"]
    assert seen[1]["status"] == "ESME_ROK"
    named = seen[1]["says"].removeprefix("message_id=")
    assert f"receipt of {named}: DELIVERED" in seen[2]["says"]
    assert "short_message=<6 octets>" in seen[0]["says"]
    shown = str(seen)
    assert NUMBER not in shown
    assert TEXT not in shown

    code, said = daemon.command("log-level", "info", "--link", "main")
    assert (code, said["seconds"]) == (0, 0)
    daemon.wait(lambda: daemon.events("log_level_over") or None, "the end")
    count = len(pdus(daemon))
    daemon.submit([message("after", NUMBER)], "after.jsonl")
    daemon.wait_report("after.jsonl")
    assert len(pdus(daemon)) == count
    ask(daemon.control, "log-level", level="debug", link="main", seconds=0.1)
    daemon.wait(lambda: len(daemon.events("log_level_over")) == 2, "the end by itself")
    assert daemon.events("log_level_over")[-1]["reason"] == "its time is over"
    daemon.terminate()


def test_of_one_message_every_fact_and_every_pdu_is_told_and_of_no_other(
    smsc_factory: SmscFactory, daemon_factory: DaemonFactory
) -> None:
    daemon = started(smsc_factory, daemon_factory)
    ask(daemon.control, "pause", links=["main"])
    daemon.submit([message("mine", NUMBER), message("other", OTHER), message("same", NUMBER, "x")])
    daemon.wait(lambda: daemon.events("file_admitted") or None, "the messages")
    code, said = daemon.command("log-level", "debug", "--message", "mine")
    assert (code, said["about"]) == (0, "message mine")
    ask(daemon.control, "resume", links=["main"])
    daemon.wait_report()
    daemon.wait(
        lambda: any(each["what"] == "receipt" for each in daemon.events("message_watched")) or None,
        "its receipt",
    )
    facts = daemon.events("message_watched")
    assert {line["message"] for line in facts} == {"mine"}
    assert [line["what"] for line in facts][:3] == ["accepted", "sending", "sent"]
    seen = pdus(daemon)
    assert {line["message"] for line in seen} == {"mine"}
    assert [line["pdu"] for line in seen] == [
        "submit_sm",
        "submit_sm_resp",
        "deliver_sm",
        "deliver_sm_resp",
    ]
    assert NUMBER not in str(facts + seen)
    daemon.terminate()


def test_the_level_of_everything_is_as_before_in_the_end(
    smsc_factory: SmscFactory, daemon_factory: DaemonFactory
) -> None:
    daemon = started(smsc_factory, daemon_factory)
    ask(daemon.control, "log-level", level="error", seconds=60)
    ask(daemon.control, "pause", links=["main"])
    assert not daemon.events("link_paused")
    ask(daemon.control, "log-level", level="info", seconds=0.05)
    daemon.wait(
        lambda: daemon.events("log_level_over") or None,
        "the end",
    )
    ask(daemon.control, "resume", links=["main"])
    daemon.wait(lambda: daemon.events("link_resumed") or None, "a line of level info")
    daemon.terminate()


@pytest.mark.parametrize(
    ("wanted", "why"),
    [
        ({"level": "debug", "link": "nobody", "seconds": 1}, "there is no link nobody"),
        ({"level": "debug", "msg_id": 7, "message": "x", "seconds": 1}, "there is no message x"),
        ({"level": "loud", "seconds": 1}, "cannot be meant so"),
        ({"level": "debug", "seconds": 0}, "takes more than 0"),
        ({"level": "info", "link": "main", "seconds": 1}, "that could end"),
    ],
)
def test_what_cannot_be_meant_is_refused(
    smsc_factory: SmscFactory, daemon_factory: DaemonFactory, wanted: dict[str, Any], why: str
) -> None:
    daemon = started(smsc_factory, daemon_factory)
    with pytest.raises(ControlRefused, match=why):
        ask(daemon.control, "log-level", **wanted)
    daemon.terminate()
