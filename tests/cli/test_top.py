"""`smppd top`: what it draws, and what it prints for programs and papers."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import msgspec
import pytest

from smppd.cli import main, top, watch
from smppd.cli.screen import Line, shown
from smppd.cli.top_view import ORDERS, View, draw, ways
from smppd.control import ControlUnavailable
from smppd.figures import AccountFigures, DaemonFigures, RoomFigures
from smppd.vitals.picture import Picture, picture
from smppd.vitals.pulse import Pulse
from tests.vitals.figures import NOW, daemon, link

CONFIG = """
[link.main]
host = "127.0.0.1"
system_id = "acme"
password_env = "SMPPD_TEST_PASSWORD"

[observe]
control = "control.sock"
"""


def busy(links: int = 1, broken: int = 0) -> Picture:
    """After five seconds in which each link submitted fifty parts."""
    pulse = Pulse()
    found = [link(f"link-{n}", "backoff" if n < broken else "bound_trx") for n in range(links)]
    shop = AccountFigures("shop", connections=4, queued=7)
    rooms = [RoomFigures("/var/spool/smppd", 1 << 40, 1 << 39)]
    pulse.feel(daemon(*found, now=NOW - 5))
    for each in found:
        each.submitted, each.answers, each.limited_by = 250, {0: 250}, "window"
        each.latency.observe(0.003, 250)
    figures = daemon(*found, accounts=[shop], rooms=rooms)
    pulse.feel(figures)
    return picture(figures, pulse)


def text(lines: list[Line]) -> list[str]:
    return [shown(line, None, styled=False).rstrip() for line in lines]


def test_it_is_told_at_a_glance_that_all_is_well() -> None:
    assert text(draw(busy(), View())) == [
        " smppd 1.2.3  pid 4711  up 1 h 0 min                    2023-11-14 23:13:20 UTC",
        "ALL IS WELL   50.0 parts/s sent, 0 receipts/s",
        "",
        "LINK          STATE           WINDOW  SENT/S  RCPT/S HALF IN  99% IN  LIMITED BY",
        "link-0        bound 1/1         3/10    50.0       0    4 ms    4 ms  window",
        "shop          ready              0/4       0               -       -  7 queued",
        "",
        "LANE      QUEUED  OLDEST       MESSAGES  1,000 accepted",
        "high           0  -            queued 100   delivered 900",
        "normal        80  20 s",
        "bulk          20  7 s",
        "",
        "answers   half within 4 ms, 99 % within 4 ms; the oldest waits 20 s",
        "receipts  3 wait for their message, 5 matched nothing when they came",
        "daemon    event loop late by 0.0 ms, at most 0.0 ms",
        "disk      512.0 GiB free (50%) of /var/spool/smppd",
        "files     2 open, 0 bad; journal 0 B",
    ]


@pytest.mark.parametrize("links", [1, 5, 100])
@pytest.mark.parametrize("broken", [0, 1, 100])
@pytest.mark.parametrize(("width", "height"), [(80, 24), (40, 10), (200, 60)])
def test_it_fits_the_screen_whatever_is_wrong(
    links: int, broken: int, width: int, height: int
) -> None:
    seen = busy(links, broken)
    for chosen in (None, 0, links):
        lines = draw(seen, View(chosen=chosen), width, height)
        assert len(lines) == height
        assert "quit" in shown(lines[-1], width, styled=False)
        assert all(len(shown(line, width, styled=False)) <= width for line in lines)
        whole = "\n".join(text(lines))
        assert ("BAD" in whole) == (broken > 0)
        assert ("link-0 is not bound" in whole) == (broken > 0)
        assert "LINK" in whole
        if chosen:
            assert "shop " in whole, "the chosen one is scrolled to"


def test_at_80_by_24_everything_is_there_with_three_links_in_trouble() -> None:
    whole = "\n".join(text(draw(busy(3, 2), View(), 80, 24)))
    assert whole.count("->") == 2
    for word in ("link-2", "bulk ", "delivered 900", "receipts ", "disk "):
        assert word in whole


def test_links_come_in_the_order_that_is_asked_for() -> None:
    seen = busy(3)
    seen.links[1].submitted, seen.links[2].tail, seen.links[2].gravity = 90.0, 1.0, "bad"
    first = {order: ways(seen, order)[0].name for order in ORDERS}
    assert first == {
        "configured": "link-0",
        "troubles first": "link-2",
        "fastest first": "link-1",
        "slowest answers first": "link-2",
    }


def test_nothing_that_an_smsc_says_steers_the_terminal() -> None:
    lost = link(state="backoff", last_error="no\x1b[2Jsuch\nthing")
    lines = draw(picture(daemon(lost), Pulse()), View(), 80, 24)
    assert all("\x1b[2J" not in shown(line, 80, styled=True) for line in lines)
    assert "no\\x1b[2Jsuch thing" in "\n".join(text(lines))


def test_a_daemon_that_falls_silent_is_told_above_what_was_known() -> None:
    lines = text(draw(busy(), View(silence="no daemon listens"), 80, 24))
    assert lines[1] == "NO ANSWER: no daemon listens"
    assert len(lines) == 24


def test_no_color_means_no_colour(monkeypatch: pytest.MonkeyPatch) -> None:
    line: Line = (("bad", "bad"), (" good", "good"), (" dim", "dim"))
    monkeypatch.delenv("NO_COLOR", raising=False)
    assert (
        shown(line, 80, styled=True) == "\x1b[31;1mbad\x1b[0m\x1b[32m good\x1b[0m\x1b[2m dim\x1b[0m"
    )
    monkeypatch.setenv("NO_COLOR", "1")
    assert shown(line, 80, styled=True) == "\x1b[1mbad\x1b[0m good dim"


# ── the command ──────────────────────────────────────────────────────────────────────────────


@pytest.fixture
def config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setattr(top, "EVERY", 0.001)
    monkeypatch.setattr(watch, "EVERY", 0.001)
    file = tmp_path / "smppd.toml"
    file.write_text(CONFIG)
    return str(file)


def answering(monkeypatch: pytest.MonkeyPatch, *answers: DaemonFigures) -> None:
    """The daemon says these, one after the other, and then it is gone."""
    left = [msgspec.to_builtins(each) for each in answers]

    def ask(*_: Any, **__: Any) -> dict[str, Any]:
        if not left:
            raise ControlUnavailable("no daemon listens on control.sock", nobody=True)
        answer: dict[str, Any] = left.pop(0)
        return answer

    monkeypatch.setattr("smppd.cli.asking.ask", ask)


def test_once_prints_one_picture_with_rates(
    config: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    answering(monkeypatch, daemon(now=NOW - 2), daemon(link(submitted=100)))
    assert main(["top", "--once", "--config", config]) == 0
    shown_lines = capsys.readouterr().out.splitlines()
    assert shown_lines[1] == "ALL IS WELL   50.0 parts/s sent, 0 receipts/s"
    assert "\x1b" not in "".join(shown_lines)


def test_once_looks_longer_where_a_second_cannot_tell_what_is_wrong(
    config: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    deaf = [daemon(link(submitted=3), now=NOW + n) for n in range(7)]
    answering(monkeypatch, *deaf)
    assert main(["top", "--once", "--config", config]) == 0
    out = capsys.readouterr().out
    assert out.count("LANE") == 1
    assert "!! link main gets no answers: 3 submits wait: none in 4 s" in out


def test_json_is_a_line_for_each_look_until_the_daemon_is_gone(
    config: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    answering(monkeypatch, *(daemon(link(submitted=n), now=NOW + n) for n in range(4)))
    assert main(["top", "--json", "--config", config]) == 1
    out, err = capsys.readouterr()
    seen = [json.loads(line) for line in out.splitlines()]
    assert [each["now"] - NOW for each in seen] == [1, 2, 3]
    assert [each["submitted"] for each in seen] == [1.0, 1.0, 1.0]
    assert err == "smppd: no daemon listens on control.sock\n"


def test_who_has_no_terminal_is_told_of_the_other_ways(
    config: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["top", "--config", config]) == 2
    assert "--once" in capsys.readouterr().err


def test_a_file_that_does_not_say_where_the_daemon_listens_is_what_is_told(
    config: str, capsys: pytest.CaptureFixture[str]
) -> None:
    file = Path(config)
    file.write_text(file.read_text().partition("[observe]")[0] + "[spool")
    assert main(["top", "--once", "--config", config]) == 2
    assert f"{config}: " in capsys.readouterr().err


def test_without_a_daemon_there_is_one_line(
    config: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["top", "--once", "--config", config]) == 1
    assert "no daemon listens on" in capsys.readouterr().err
