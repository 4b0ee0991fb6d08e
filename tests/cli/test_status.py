"""`smppd status`: what a person sees of the daemon's figures, and what a program gets."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import msgspec
import pytest

from smppd.app.lateness import RECENT, Lateness
from smppd.cli import main
from smppd.cli.status_words import overview
from smppd.control import ControlRefused
from smppd.figures import (
    AccountFigures,
    CampaignFigures,
    ChatFigures,
    DaemonFigures,
    FallbackFigures,
    JournalFigures,
    LinkFigures,
    MatchingFigures,
    OutletFigures,
    RouteFigures,
    SessionFigures,
    SpoolFigures,
)
from smppd.message import State

CONFIG = """
[link.main]
host = "127.0.0.1"
system_id = "acme"
password_env = "SMPPD_TEST_PASSWORD"

[observe]
control = "control.sock"
"""


@pytest.fixture
def figures() -> DaemonFigures:
    link = LinkFigures(
        "main",
        window=10,
        rate=50.0,
        sessions=[
            SessionFigures("bound_trx", "smsc:2775", 7, 1000.0),
            SessionFigures("backoff", "smsc:2776", 0, 8000.0),
        ],
        submitted=1234,
        answers={0: 1200, 0x58: 30, 0x401: 4},
        unanswered=2,
        receipts={"delivered": 900, "expired": 3},
        last_error="smsc:2776 refuses connections",
        last_error_at=8384.0 - 75,
        matching=MatchingFigures("hex-decimal", duplicates=4, contradictions=1, settled=2),
    )
    for _ in range(99):
        link.latency.observe(0.003)
    link.latency.observe(100.0)
    link.latency.observe(100.0)
    journal = JournalFigures(commits=7, rows=70)
    journal.commit_seconds.observe(0.0015)
    states = dict.fromkeys((state.label for state in State), 0)
    return DaemonFigures(
        version="1.2.3",
        pid=4711,
        started=1000.0,
        now=8384.0,
        stopping=False,
        accepted=1_000_000,
        states=states | {"queued": 120, "delivered": 999_880},
        queued_by_lane={"high": 0, "normal": 100, "bulk": 20},
        oldest_queued=8300.0,
        open_files=1,
        parked_receipts=3,
        unmatched_receipts=5,
        links=[link],
        journal=journal,
        spool=SpoolFigures(claimed=12, reported=11),
    )


def test_the_overview_has_all_an_operator_asks_for(figures: DaemonFigures) -> None:
    assert list(overview(figures)) == [
        "smppd 1.2.3, pid 4711, running for 2 h 3 min",
        "",
        "messages   1,000,000 accepted",
        "                    120 queued (high 0, normal 100, bulk 20; the oldest for 1 min 24 s)",
        "                999,880 delivered",
        "",
        "link main: 1 of 2 bound as transceiver, 7 in flight of 20, 50 parts/s",
        "  session 1   bound_trx for 2 h 3 min, smsc:2775, 7 in flight",
        "  session 2   backoff for 6 min 24 s, smsc:2776, 0 in flight",
        "  parts       1,234 submitted, 1,200 ESME_ROK, 30 ESME_RTHROTTLED, 4 0x00000401;"
        " 2 without an answer, 0 answered late, 0 ready to leave",
        "  latency     half within 4 ms, 99 % within more than a minute",
        "  receipts    900 delivered, 3 expired; 0 messages from handsets",
        "  matching    message_id_form hex-decimal (as learnt); 4 repeated;"
        " 1 contradicting an earlier one; 2 settled what was unknown",
        "  connection  0 opened, 0 lost, 0 binds refused, 0 oddities",
        "  last error  smsc:2776 refuses connections (1 min 15 s ago)",
        "",
        "files      12 claimed, 11 reported, 0 bad, 1 open",
        "journal    7 commits of 70 rows, half within 2 ms, 99 % within 2 ms",
        "receipts   5 matched nothing when they came, 3 still wait for their message",
    ]


def test_a_late_event_loop_is_shown(figures: DaemonFigures) -> None:
    lateness = Lateness()
    for late in (0.0004, *[0.0005] * 97, 0.0312, 0.25):
        lateness.note(late)
    figures.loop = lateness.figures()
    assert (
        "event loop late by 0.5 ms half of the time, within 250.0 ms 99 % of it,"
        " at most 250.0 ms in the last minute"
    ) in list(overview(figures))
    assert figures.loop.delay.quantile(0.5) == 0.001
    for _ in range(RECENT):
        lateness.note(0.0)
    assert lateness.figures().most == 0.0
    assert sum(figures.loop.delay.counts) == 100 + RECENT


def test_chat_channels_are_shown(figures: DaemonFigures) -> None:
    figures.chats = [
        ChatFigures("shop", "whatsapp", "100", 1200, 5000, 2, figures.now - 3),
        ChatFigures("shop", "telegram", "7"),
    ]
    lines = list(overview(figures))
    assert (
        "chat shop whatsapp/100: 5,000 received, 1,200 conversations, polled 3 s ago, 2 errors"
        in lines
    )
    assert "chat shop telegram/7: 0 received, 0 conversations, never polled yet" in lines


def test_accounts_are_shown_with_what_keeps_them_from_their_work(figures: DaemonFigures) -> None:
    busy = AccountFigures("shop", "https://api.example.net/", 4, 5.0, in_flight=2, queued=1500)
    busy.outcomes = {"SUCCESS": 1234, "NO_ROUTE_AVAILABLE": 3}
    busy.seconds.observe(0.3)
    lost = AccountFigures("books", "https://books.example.net/", 2, last_error="cannot connect")
    lost.unreachable_since = figures.now - 61
    lost.paused = "a call was refused with NO_CREDITS (smppd)"
    figures.accounts = [busy, lost]
    lines = list(overview(figures))
    at = lines.index(
        "account shop: 2 of 4 calls under way, 1,500 queued, 5 calls/s, https://api.example.net/"
    )
    assert lines[at + 1 : at + 3] == [
        "  calls       1,234 SUCCESS, 3 NO_ROUTE_AVAILABLE",
        "  latency     half within 512 ms, 99 % within 512 ms",
    ]
    assert lines[at + 3 : at + 8] == [
        "account books: 0 of 2 calls under way, 0 queued, https://books.example.net/",
        "  paused      a call was refused with NO_CREDITS (smppd); when it is put right:"
        " smppd resume books",
        "  no answers  for 1 min 1 s; its calls wait until the provider answers",
        "  calls       none",
        "  last error  cannot connect",
    ]


def test_it_shows_which_account_stands_in_for_what(figures: DaemonFigures) -> None:
    figures.fallbacks = [FallbackFigures("link main", "web", figures.now - 90, 1200, 3)]
    lines = list(overview(figures))
    line = "link main is down: over account web for 1 min 30 s, 1,200 messages, 3 cannot and wait for it"
    assert f"fallback   {line}" in lines
    figures.fallbacks[0].stay = 0
    assert f"fallback   {line.removesuffix(', 3 cannot and wait for it')}" in list(
        overview(figures)
    )


def test_routes_and_what_waits_for_its_time_are_shown(figures: DaemonFigures) -> None:
    figures.scheduled = 1500
    figures.routes = [RouteFigures("spain", 1700, ["main", "backup"], ["main"])]
    lines = list(overview(figures))
    assert "route spain: 1,700 queued for main (out), backup" in lines
    assert any(
        "; 1,500 wait for a moment, or their campaign; the oldest for" in line for line in lines
    )


def test_the_halves_of_a_pair_are_told_apart(figures: DaemonFigures) -> None:
    (link,) = figures.links
    link.bind = "transmitter+receiver"
    link.sessions = [
        SessionFigures(
            "bound_tx", "smsc:2775", 7, 1000.0, bind="transmitter", certificate_expires=2e9
        ),
        SessionFigures("backoff", "smsc:2775", 0, 8000.0, bind="receiver", refused="operator"),
    ]
    lines = list(overview(figures))
    at = lines.index(
        "link main: 1 of 2 bound as transmitter+receiver, 7 in flight of 10, 50 parts/s"
    )
    assert lines[at + 1 : at + 4] == [
        "  session 1   transmitter bound_tx for 2 h 3 min, smsc:2775, 7 in flight",
        "  session 2   receiver backoff for 6 min 24 s, smsc:2775, 0 in flight",
        "  receipts    no receiver is bound: receipts wait at the SMSC",
    ]
    assert "  bind        refused: operator" in lines
    assert "  TLS         the SMSC's certificate is valid until 2033-05-18" in lines
    assert link.unready == ("link main is not bound as receiver: smsc:2776 refuses connections")


@pytest.fixture
def config(tmp_path: Path) -> str:
    file = tmp_path / "smppd.toml"
    file.write_text(CONFIG)
    return str(file)


def test_the_answer_is_read_as_it_comes_over_the_socket(
    figures: DaemonFigures,
    config: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    answer: dict[str, Any] = msgspec.json.decode(msgspec.json.encode(figures))
    monkeypatch.setattr("smppd.cli.asking.ask", lambda *_, **__: answer)
    assert main(["status", "--config", config]) == 0
    assert capsys.readouterr().out.splitlines() == list(overview(figures))
    assert main(["status", "--json", "--config", config]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told == answer
    assert told["states"]["queued"] == 120
    assert [link["name"] for link in told["links"]] == ["main"]


def test_without_a_daemon_status_fails_on_one_line(
    config: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["status", "--config", config]) == 1
    told = capsys.readouterr()
    assert told.out == ""
    assert told.err.startswith(f"smppd: no daemon listens on {Path(config).parent}/control.sock")
    assert told.err.count("\n") == 1

    def refuse(*_: Any, **__: Any) -> dict[str, Any]:
        raise ControlRefused("there is no command 'status'")

    monkeypatch.setattr("smppd.cli.asking.ask", refuse)
    assert main(["status", "--config", config]) == 1
    assert capsys.readouterr().err == "smppd: there is no command 'status'\n"


def test_what_an_smsc_said_cannot_steer_the_terminal(
    figures: DaemonFigures,
    config: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    figures.links[0].last_error = "\x1b[2J gone"
    answer: dict[str, Any] = msgspec.json.decode(msgspec.json.encode(figures))
    monkeypatch.setattr("smppd.cli.asking.ask", lambda *_, **__: answer)
    assert main(["status", "--config", config]) == 0
    shown = capsys.readouterr().out
    assert "\x1b" not in shown
    assert "\\x1b[2J gone" in shown


def test_outlets_say_how_far_they_are_behind(figures: DaemonFigures) -> None:
    found = figures
    found.outlets = [
        OutletFigures("stream", delivered=1200),
        OutletFigures(
            "webhook:shop", 7, 3, 2, 40, found.now - 61, found.now - 60, "HTTP 500 Server Error"
        ),
    ]
    said = "\n".join(overview(found))
    assert "events to stream: 1,200 delivered\n" in said
    assert (
        "events to webhook shop: 7 delivered, 2 put aside, 40 facts behind, the next happened"
        in said
    )
    assert ": HTTP 500 Server Error" in said


def test_open_campaigns_say_how_fast_they_go_and_why_they_do_not(figures: DaemonFigures) -> None:
    figures.campaigns = [
        CampaignFigures(
            "spring", "a.csv", read=True, total=100_000, done=300, states={"queued": 99_900},
            held="canary: 12 of 100 failed, at most 5% may (canary)",
        ),
        CampaignFigures(
            "b.jsonl", "b.jsonl", read=True, total=90_000, done=60_000,
            states={"queued": 27_000, "delivered": 60_000, "sent": 3_000}, rate=300.0, time_left=90.0,
        ),
        CampaignFigures("c.jsonl", "c.jsonl", read=False, total=7, done=7, states={"delivered": 7}),
    ]  # fmt: skip
    figures.more_campaigns = 1200
    shown = list(overview(figures))
    lines = [line for line in shown if line.startswith("campaign")]
    assert shown[shown.index(lines[-1]) + 1] == "           and 1,200 more campaigns"
    assert lines == [
        "campaign   spring (a.csv): 300 of 100,000 done, 99,900 queued; "
        "canary: 12 of 100 failed, at most 5% may (canary)",
        "campaign   b.jsonl: 60,000 of 90,000 done, 27,000 queued, 300/s, 1 min 30 s left",
        "campaign   c.jsonl: 7 of 7 so far done",
    ]


def test_the_journal_is_shown_with_what_is_gone_from_it(figures: DaemonFigures) -> None:
    figures.journal.octets = 3 << 19
    lines = list(overview(figures))
    assert "           1.5 MiB, 1,000,000 messages" in lines
    figures.journal.removed, figures.journal.to_look_at = 400_000, 70
    (line,) = [each for each in overview(figures) if "MiB" in each]
    assert (
        line.strip() == "1.5 MiB, 600,000 messages; 400,000 removed, 70 facts to look at for more"
    )
