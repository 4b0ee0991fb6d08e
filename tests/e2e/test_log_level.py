"""`smppd log-level`: more is logged for a while, of one link or one message, and no secret in it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from smppd.control import ControlRefused, ask
from tests.processes import simulator

if TYPE_CHECKING:
    from tests.e2e.conftest import Daemon, DaemonFactory, SmscFactory

NUMBER, OTHER = "34600000001", "34600000002"
TEXT = "Sesame"


def started(smsc_factory: SmscFactory, daemon_factory: DaemonFactory, *options: str) -> Daemon:
    smsc = smsc_factory(simulator("--receipt-delay=50ms", *options))
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
    [over] = daemon.wait(lambda: daemon.events("log_level_over") or None, "the end")
    assert over["reason"] == "asked for otherwise"
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


def whats(daemon: Daemon) -> list[tuple[str, int]]:
    """What has happened to the messages that are watched, and to which part."""
    return [(line["what"], line["part"]) for line in daemon.events("message_watched")]


def test_a_message_is_heard_from_its_first_octet_where_it_was_asked_for_before_it_came(
    smsc_factory: SmscFactory, daemon_factory: DaemonFactory
) -> None:
    daemon = started(smsc_factory, daemon_factory)
    code, said = daemon.command("log-level", "debug", "--message", "mine", "--for", "1m")
    assert code == 0
    assert said["note"].startswith("there is none yet")
    long = f"{TEXT} " * 50
    alike = [message(id_, NUMBER, long) for id_ in ("theirs", "mine", "others")]
    daemon.submit([message(f"m{n}", OTHER) for n in range(500)] + alike)
    daemon.wait_report()
    count = 3
    daemon.wait(lambda: whats(daemon).count(("receipt", count)) or None, "its last receipt")
    told = whats(daemon)
    assert told[:2] == [("accepted", 0), ("sending", 0)]
    parts = range(1, count + 1)
    for what in ("sent", "receipt"):
        assert sorted(part for each, part in told if each == what) == list(parts)
    seen = daemon.wait(lambda: lines if len(lines := pdus(daemon)) >= 4 * count else None, "PDUs")
    for pdu in ("submit_sm", "submit_sm_resp", "deliver_sm", "deliver_sm_resp"):
        assert [line["pdu"] for line in seen].count(pdu) == count
    # One word finds all of it, and neither a text nor a number stands in the log.
    facts = daemon.events("message_watched")
    assert {line["message"] for line in facts + seen} == {"mine"}
    assert daemon.events("log_level_set")[0]["about"] == "message mine"
    assert not [word for word in (NUMBER, OTHER, TEXT) if word in daemon.log]
    # It is known under this name now, and ends under it.
    code, said = daemon.command("log-level", "info", "--message", "mine")
    assert (code, said["seconds"]) == (0, 0)
    daemon.terminate()


def test_a_message_is_found_by_the_message_id_of_its_smsc_while_its_receipt_is_late(
    smsc_factory: SmscFactory, daemon_factory: DaemonFactory
) -> None:
    daemon = started(smsc_factory, daemon_factory, "--receipt-delay", "6s")
    daemon.submit([message("other", NUMBER), message("mine", NUMBER)])
    shown = daemon.wait(lambda: found if (found := taken(daemon, "mine")) else None, "its id")
    code, said = daemon.command("log-level", "debug", "--message", shown, "--for", "1m")
    assert (code, said) == (0, {"about": "message mine", "level": "debug", "seconds": 60.0})
    daemon.wait(lambda: ("receipt", 0) in whats(daemon) or None, "its receipt")
    seen = daemon.wait(lambda: lines if len(lines := pdus(daemon)) >= 2 else None, "PDUs")
    assert [line["pdu"] for line in seen] == ["deliver_sm", "deliver_sm_resp"]
    assert f"receipt of {shown}: DELIVERED" in seen[0]["says"]
    assert {line["message"] for line in seen} == {"mine"}
    # And so it is when it is over.
    code, said = daemon.command("log-level", "info", "--message", shown)
    assert (code, said["about"]) == (0, "message mine")
    daemon.terminate()


def taken(daemon: Daemon, id_: str) -> str:
    """The message_id under which the SMSC has taken a message; empty until then."""
    code, shown = daemon.command("show", id_)
    ids = shown["part_details"][0]["message_ids"] if code == 0 and shown["part_details"] else []
    return ids[0] if ids else ""


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
