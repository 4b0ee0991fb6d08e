from __future__ import annotations

import io
import json
import os
from collections import Counter
from collections.abc import Iterator
from dataclasses import fields
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, TextIO, cast, get_args, get_type_hints

import pytest

from smppd import events
from smppd.observe.lines import LINES, Level
from smppd.observe.log import BURST, LogObserver, configure
from smppd.observe.rendering import Format
from smppd.observe.summing import FEW

KINDS: tuple[type[events.Event], ...] = get_args(events.Event)
_VALUES: dict[Any, Any] = {
    str: "words",
    int: 3,
    bool: True,
    float: 1.5,
    dict[str, int]: {"delivered": 998},
}

REFUSED = events.BindRefused(
    link="main",
    session=1,
    status=14,
    status_name="ESME_RINVPASWD",
    hint="check system_id and password_file",
    retry_in=60.0,
)


def sample(kind: type[events.Event]) -> events.Event:
    hints = get_type_hints(kind)
    return kind(**{field.name: _VALUES[hints[field.name]] for field in fields(kind)})


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.fixture(autouse=True)
def _plain_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("JOURNAL_STREAM", raising=False)
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.delenv("TERM", raising=False)


def logged(*what: events.Event, level: Level = "info", **options: Any) -> list[dict[str, Any]]:
    stream = io.StringIO()
    log = configure(level, "json", stream, **options)
    for event in what:
        log(event)
    return [json.loads(line) for line in stream.getvalue().splitlines()]


def in_words(event: events.Event, *, format: Format = "console") -> str:  # noqa: A002
    stream = io.StringIO()
    configure(format=format, stream=stream)(event)
    return stream.getvalue()


def test_every_event_has_a_line_and_no_line_lacks_its_event() -> None:
    assert set(LINES) == set(KINDS)


def test_names_are_unique_and_snake_case() -> None:
    names = [line.name for line in LINES.values()]
    assert len(set(names)) == len(names)
    assert all(name.isascii() and name.replace("_", "").islower() for name in names)


@pytest.mark.parametrize("kind", KINDS)
def test_the_json_line_of_an_event_carries_every_field_of_it(kind: type[events.Event]) -> None:
    event = sample(kind)
    [line] = logged(event)
    assert line["event"] == LINES[kind].name
    assert line["level"] == LINES[kind].level
    renamed = LINES[kind].renamed
    for field in fields(kind):
        assert line[renamed.get(field.name, field.name)] == getattr(event, field.name)
    assert len(line) == len(fields(kind)) + 3


@pytest.mark.parametrize("kind", KINDS)
def test_the_line_for_a_person_is_one_line_with_every_field(kind: type[events.Event]) -> None:
    text = in_words(sample(kind))
    assert text.count("\n") == 1
    assert LINES[kind].says in text
    for field in fields(kind):
        assert f" {LINES[kind].renamed.get(field.name, field.name)}=" in text


def test_levels_are_those_an_operator_filters_by() -> None:
    by_level: dict[str, set[type[events.Event]]] = {}
    for kind, line in LINES.items():
        by_level.setdefault(line.level, set()).add(kind)
    assert set(by_level) == {"debug", "info", "warning", "error"}
    assert by_level["debug"] == {events.PduPassed, events.MessageWatched}, "on demand alone"
    assert by_level["error"] == {
        events.ReloadRefused,
        events.BindNeedsOperator,
        events.JournalDamaged,
        events.OutletGaveUp,
        events.OutletGap,
    }
    assert by_level["warning"] == {
        events.CampaignPaused,
        events.AccountUnreachable,
        events.ChatFailing,
        events.DiskFailing,
        events.LinkLost,
        events.AnswersMissing,
        events.ConnectionsRefused,
        events.LinkUnverified,
        events.OutletLeft,
        events.QueriesRefused,
        events.StatusesRefused,
        events.FallbackBegan,
        events.StatusWordNew,
        events.CertificateExpiring,
        events.CodeUndocumented,
        events.BindRefused,
        events.FileQuarantined,
        events.FileWaiting,
        events.InboxUnwatched,
        events.InboxMadeAgain,
        events.MailboxFailing,
        events.RetentionFailing,
        events.ForeignFiles,
        events.ClockDoubted,
        events.OutletFailing,
        events.ReceivedIncomplete,
        events.OptOutUnclear,
        events.EventHandlerFailed,
        events.OptOutUnconfirmed,
        events.LinkMissing,
        events.LinkPaused,
        events.RefusalsUnusual,
        events.RouteMoved,
        events.TraceBroken,
    }


def test_nothing_a_station_reports_can_hold_a_password() -> None:
    for kind in KINDS:
        for field in fields(kind):
            assert not {"password", "secret", "credential"} & set(field.name.split("_"))


def test_a_refused_bind_reads_without_documentation() -> None:
    text = in_words(REFUSED)
    assert "bind refused" in text
    assert "status=ESME_RINVPASWD" in text
    assert "hint='check system_id and password_file'" in text
    assert "retry_in=60s" in text


def test_counts_by_state_read_as_words() -> None:
    event = events.FileReported(file="a", placed="done/a", states={"delivered": 9, "failed": 2})
    assert "states='9 delivered, 2 failed'" in in_words(event)


def test_times_are_utc_and_iso() -> None:
    [line] = logged(REFUSED)
    moment = datetime.fromisoformat(line["timestamp"])
    assert moment.utcoffset() == timedelta(0)
    assert abs(datetime.now(UTC) - moment) < timedelta(minutes=1)


def test_below_the_level_nothing_is_written() -> None:
    written = logged(sample(events.LinkBound), REFUSED, level="warning")
    assert [line["event"] for line in written] == ["bind_refused"]


@pytest.mark.parametrize(
    ("stream", "wanted", "is_json", "has_colours"),
    [
        (io.StringIO(), "auto", True, False),
        (io.StringIO(), "console", False, False),
        (Terminal(), "auto", False, True),
        (Terminal(), "json", True, False),
    ],
)
def test_auto_is_words_on_a_terminal_and_json_elsewhere(
    stream: TextIO, wanted: Format, is_json: bool, has_colours: bool
) -> None:
    configure(format=wanted, stream=stream)(REFUSED)
    text = stream.getvalue()  # type: ignore[attr-defined]
    assert text.startswith("{") == is_json
    assert ("\x1b[" in text) == has_colours


@pytest.mark.parametrize(("name", "value"), [("NO_COLOR", "1"), ("TERM", "dumb")])
def test_who_wants_no_colours_gets_none(
    name: str, value: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(name, value)
    stream = Terminal()
    configure(stream=stream)(REFUSED)
    assert "\x1b" not in stream.getvalue()


def test_it_logs_to_stderr_unless_told(capsys: pytest.CaptureFixture[str]) -> None:
    configure()(REFUSED)
    out, err = capsys.readouterr()
    assert out == ""
    assert json.loads(err)["event"] == "bind_refused"


@pytest.fixture
def journal(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[TextIO]:
    with (tmp_path / "journal").open("w+") as stream:
        there = os.fstat(stream.fileno())
        monkeypatch.setenv("JOURNAL_STREAM", f"{there.st_dev}:{there.st_ino}")
        yield stream


@pytest.mark.parametrize(
    ("kind", "priority"),
    [(events.LinkLost, "<4>"), (events.LinkBound, "<6>")],
)
def test_the_journal_of_systemd_gets_the_priority(
    journal: TextIO, kind: type[events.Event], priority: str
) -> None:
    configure(stream=journal)(sample(kind))
    journal.seek(0)
    line = journal.read()
    assert line.startswith(priority)
    assert json.loads(line.removeprefix(priority))["event"] == LINES[kind].name


def test_a_stream_that_is_not_the_journal_gets_no_priority(journal: TextIO, tmp_path: Path) -> None:
    with (tmp_path / "other").open("w+") as stream:
        configure(stream=stream)(REFUSED)
        stream.seek(0)
        assert stream.read().startswith("{")


def test_what_an_smsc_says_cannot_steer_the_terminal() -> None:
    event = events.LinkBound("main", 1, "a:1", "transceiver", "SMSC\x1b[2J\nforged line")
    text = in_words(event)
    assert "\x1b" not in text
    assert text.count("\n") == 1
    assert "SMSC" in text


def test_nor_where_the_journal_of_systemd_shows_it() -> None:
    said = "SMSC\x9b2J \x7f\u202egnp \U000e0001 é ☎"
    event = events.LinkBound("main", 1, "a:1", "transceiver", said)
    stream = io.StringIO()
    configure(stream=stream, format="json")(event)
    text = stream.getvalue().rstrip("\n")
    assert text.isprintable()
    assert "é ☎" in text
    assert json.loads(text)["smsc_system_id"] == said


def test_a_file_name_that_is_no_utf8_can_be_logged() -> None:
    name = os.fsdecode(b"caf\xe9.json")
    [line] = logged(events.FileWaiting(file=name, reason="not complete"))
    assert line["file"] == "caf\\udce9.json"
    assert "caf\\udce9.json" in in_words(events.FileWaiting(file=name, reason="not complete"))


HEADER = "00000040000000050000000000000007"


def test_the_octets_of_an_odd_pdu_are_cut_to_its_header() -> None:
    body = b"\x00\x01\x0134600000001\x00secret text".hex()
    oddity = events.ProtocolOddity("main", 1, f"undecodable deliver_sm {HEADER}{body}")
    [line] = logged(oddity)
    assert HEADER in line["what"]
    assert body[:8] not in line["what"]


def test_the_octets_are_whole_with_log_content() -> None:
    body = b"\x00\x01\x0134600000001\x00secret text".hex()
    oddity = events.ProtocolOddity("main", 1, f"undecodable deliver_sm {HEADER}{body}")
    [line] = logged(oddity, log_content=True)
    assert line["what"] == oddity.what


@pytest.mark.parametrize(
    "event",
    [
        events.CodeUndocumented("main", "ODD", "no route to +34600000001"),
        events.ChatFailing("main", "whatsapp", "1", "no route to 34600000001", "wait"),
        events.LinkPaused("main", "HTTP_403 (no route to 34600000001)", "smppd", "look"),
        events.StatusesRefused("main", "http", "no route to 34600000001"),
    ],
    ids=lambda event: type(event).__name__,
)
def test_numbers_in_the_words_of_a_provider_are_masked(event: events.Event) -> None:
    [line] = logged(event)
    assert "no route to" in str(line)
    assert "34600000001" not in str(line)
    [line] = logged(event, log_content=True)
    assert "34600000001" in str(line)


class Recorder:
    """Stands in for the logger and keeps what it is given."""

    def __init__(self) -> None:
        self.lines: list[tuple[str, dict[str, Any]]] = []

    def log(self, _level: int, name: str, **shown: Any) -> None:
        self.lines.append((name, shown))


def test_a_flood_of_one_kind_is_cut_and_the_next_line_says_by_how_much() -> None:
    recorder, now = Recorder(), [0.0]
    log = LogObserver(lambda _: cast("Any", recorder), clock=lambda: now[0])
    oddity = events.ProtocolOddity("main", 1, "bad TLV")
    for _ in range(BURST + 25):
        log(oddity)
    assert len(recorder.lines) == BURST
    log(events.ProtocolOddity("other", 1, "bad TLV"))
    assert len(recorder.lines) == BURST + 1, "another link is not cut"
    now[0] = 61.0
    log(oddity)
    log(oddity)
    assert [shown.get("left_out") for _, shown in recorder.lines[-2:]] == [25, None]


def test_at_level_debug_nothing_is_left_out() -> None:
    many = [events.ProtocolOddity("main", 1, "bad TLV")] * (2 * BURST)
    assert len(logged(*many, level="debug")) == 2 * BURST


def test_files_by_the_hundred_are_one_line_a_second_and_none_is_lost() -> None:
    recorder, now = Recorder(), [0.0]
    log = LogObserver(lambda _: cast("Any", recorder), clock=lambda: now[0])
    for number in range(3 * BURST):
        now[0] = number / BURST
        log(events.FileReported(f"{number}", "done/a", {"delivered": 1}))
        log(events.FileAdmitted(f"{number}", 2, 1))
    log(events.LinkUnbound("main", 1))
    assert recorder.lines[-1][0] == "link_unbound", "what came before it is told before it"
    log.settle(at_once=True)
    found = Counter[str]()
    for name, shown in recorder.lines[:-1]:
        found[name] += 1
        if name == "files_admitted":
            found["lines"] += shown["lines"]
            assert shown["rejected"] == shown["count"]
        if name == "files_reported":
            found["delivered"] += shown["states"]["delivered"]
    assert found == {
        "file_admitted": FEW,
        "file_reported": FEW,
        "files_admitted": 3,
        "files_reported": 3,
        "lines": 2 * (3 * BURST - FEW),
        "delivered": 3 * BURST - FEW,
    }


def test_a_second_that_is_over_is_told_although_nothing_happens_any_more() -> None:
    recorder, now = Recorder(), [0.0]
    log = LogObserver(lambda _: cast("Any", recorder), clock=lambda: now[0])
    for number in range(FEW + 5):
        log(events.FileClaimed(f"{number}", "normal", 100))
    now[0] = 0.5
    log.settle()
    assert len(recorder.lines) == FEW
    now[0] = 1.25
    log.settle()
    assert recorder.lines[FEW:] == [("files_claimed", {"count": 5, "octets": 500})]


def test_sums_read_as_words() -> None:
    stream = io.StringIO()
    log = configure(format="console", stream=stream)
    for _ in range(FEW + 2):
        log(events.FileReported("a", "done/a", {"delivered": 1}))
    log.settle(at_once=True)
    assert "further files are done, results written" in stream.getvalue()
    assert "states='2 delivered'" in stream.getvalue()
