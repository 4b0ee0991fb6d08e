"""SIGTERM drains: answers are waited for, the session is unbound, and nothing is lost or doubled."""

from __future__ import annotations

import json
import signal
import socket
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.processes import simulator

if TYPE_CHECKING:
    from tests.e2e.conftest import Daemon, DaemonFactory, Smsc, SmscFactory

WINDOW = 10
MESSAGES = 200
#: Seconds within which a daemon that need not wait for anything has gone.
AT_ONCE = 2.0


class Centre:
    """A simulated SMSC whose tally can be read at any time."""

    def __init__(self, smsc_factory: SmscFactory, tally: Path, *options: str, port: int = 0):
        command = simulator(f"--tally-file={tally}", *options, port=port)
        self._tally = tally
        self._smsc: Smsc = smsc_factory(command)
        self.port = self._smsc.port

    def stop(self) -> None:
        self._smsc.stop()

    def tally(self) -> dict[str, Any]:
        """What it has seen so far."""
        seen: int = self._read()["writes"]
        assert self._smsc.program.process is not None
        self._smsc.program.process.send_signal(signal.SIGUSR1)
        self._smsc.program.wait(lambda: self._read()["writes"] > seen, "new tally")
        return self._read()

    def _read(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self._tally.read_text())
        return found


@pytest.fixture
def tally(tmp_path: Path) -> Path:
    return tmp_path / "tally.json"


def messages(count: int, first: int = 0, **more: object) -> list[dict[str, object]]:
    return [
        {"to": f"+3460{n:07d}", "text": f"message {n}", "id": f"m{n}"} | more
        for n in range(first, first + count)
    ]


def in_flight(daemon: Daemon) -> int:
    links = daemon.status().get("links", [])
    return sum(session["in_flight"] for link in links for session in link["sessions"])


def fill_window(daemon: Daemon) -> None:
    """Wait until as many submits as may be are without an answer."""
    daemon.wait(lambda: in_flight(daemon) == WINDOW, "a full window")


def states(daemon: Daemon) -> dict[str, int]:
    """How many messages are in which state, by an audit of a journal that must be right."""
    code, audit = daemon.command("audit")
    assert code == 0, audit
    assert audit["accepted"] == sum(audit["states"].values())
    return {state: count for state, count in audit["states"].items() if count}


def change(daemon: Daemon, old: str, new: str) -> None:
    """Change the configuration of a daemon that is stopped."""
    text = daemon.config.read_text()
    assert old in text
    daemon.config.write_text(text.replace(old, new))


def widen(daemon: Daemon) -> None:
    """Let the next run be quick: one window holds everything."""
    change(daemon, f"window = {WINDOW}\n", f"window = {MESSAGES}\n")


def request_stop(daemon: Daemon) -> None:
    """The first SIGTERM; wait until the daemon drains."""
    assert daemon.program.process is not None
    daemon.program.process.send_signal(signal.SIGTERM)
    daemon.wait(lambda: daemon.status().get("stopping"), "the drain")


def finish(daemon: Daemon) -> None:
    daemon.terminate()
    assert "Traceback" not in daemon.log


# ── with a full window ───────────────────────────────────────────────────────────────────────


def test_a_full_window_is_waited_for_and_the_rest_goes_out_after_the_restart(
    smsc_factory: SmscFactory, daemon_factory: DaemonFactory, tally: Path
) -> None:
    centre = Centre(smsc_factory, tally, "--answer-latency", "2s")
    daemon = daemon_factory(centre.port, link={"window": WINDOW})
    daemon.submit(messages(MESSAGES))
    daemon.start()
    fill_window(daemon)
    finish(daemon)

    (stopped,) = daemon.events("daemon_stopped")
    assert stopped["outcome_unknown"] == 0
    assert len(daemon.events("link_unbound")) == 1
    assert not daemon.events("link_lost")
    assert not daemon.control.exists()
    seen = centre.tally()
    assert (seen["binds"], seen["unbinds"], seen["connections_dropped"]) == (1, 1, 0)
    assert (seen["accepted"], seen["answers"]) == (WINDOW, {"ESME_ROK": WINDOW})
    found = states(daemon)
    assert set(found) <= {"queued", "sent", "delivered"}
    assert found["queued"] == MESSAGES - WINDOW

    widen(daemon)
    daemon.start()
    reported = daemon.wait_report()
    assert reported.report["states"] == {"delivered": MESSAGES}
    assert [result["id"] for result in reported.results] == [f"m{n}" for n in range(MESSAGES)]
    assert not any(result["possible_duplicate"] for result in reported.results)
    finish(daemon)
    assert states(daemon) == {"delivered": MESSAGES}
    seen = centre.tally()
    assert (seen["submits"], seen["different"], seen["taken_twice"]) == (MESSAGES, MESSAGES, 0)
    assert (seen["binds"], seen["unbinds"]) == (2, 2)


def test_a_long_message_that_was_begun_is_sent_to_its_last_part(
    smsc_factory: SmscFactory, daemon_factory: DaemonFactory, tally: Path
) -> None:
    centre = Centre(smsc_factory, tally, "--answer-latency", "1s")
    daemon = daemon_factory(centre.port, link={"window": WINDOW})
    count, parts = 40, 3
    daemon.submit(messages(count, text="long " * 80))
    daemon.start()
    fill_window(daemon)
    finish(daemon)
    begun = -(-WINDOW // parts)
    assert states(daemon)["queued"] == count - begun
    assert centre.tally()["accepted"] == begun * parts

    widen(daemon)
    daemon.start()
    reported = daemon.wait_report()
    assert reported.report["states"] == {"delivered": count}
    assert {result["parts"] for result in reported.results} == {parts}
    finish(daemon)
    seen = centre.tally()
    assert (seen["different"], seen["taken_twice"]) == (count * parts, 0)


@pytest.mark.parametrize("on_unknown", ["hold", "resend"])
def test_a_second_signal_ends_it_at_once_and_the_restart_accounts_for_everything(
    on_unknown: str, smsc_factory: SmscFactory, daemon_factory: DaemonFactory, tally: Path
) -> None:
    centre = Centre(smsc_factory, tally, "--answer-latency", "3s")
    daemon = daemon_factory(centre.port, link={"window": WINDOW, "on_unknown": on_unknown})
    # Without receipts, which would settle what is in doubt.
    daemon.submit(messages(MESSAGES, receipt=False))
    daemon.start()
    fill_window(daemon)
    request_stop(daemon)
    assert daemon.program.end(signal.SIGTERM, AT_ONCE) == 1
    assert not daemon.events("daemon_stopped")
    assert states(daemon)["sending"] >= WINDOW

    widen(daemon)
    daemon.start()
    in_doubt = daemon.events("daemon_started")[-1]["outcome_unknown"]
    # Those in the window; at most as many more stood ready behind them.
    assert WINDOW <= in_doubt <= 2 * WINDOW
    reported = daemon.wait_report()
    finish(daemon)
    seen = centre.tally()
    if on_unknown == "hold":
        assert reported.report["states"] == {
            "sent": MESSAGES - in_doubt,
            "unknown": in_doubt,
        }
        # What stood ready was never sent, but nobody can know that any more.
        assert seen["different"] == MESSAGES - in_doubt + WINDOW
        assert seen["taken_twice"] == 0
    else:
        assert reported.report["states"] == {"sent": MESSAGES}
        suspects = [result for result in reported.results if result["possible_duplicate"]]
        assert len(suspects) == in_doubt
        assert (seen["different"], seen["taken_twice"]) == (MESSAGES, WINDOW)
    assert states(daemon) == reported.report["states"]


def test_what_has_no_answer_within_drain_timeout_is_unknown_and_the_exit_is_clean(
    smsc_factory: SmscFactory, daemon_factory: DaemonFactory, tally: Path
) -> None:
    silent = Centre(smsc_factory, tally, "--answer-swallow", "1", "--no-receipt-on")
    daemon = daemon_factory(silent.port, link={"window": WINDOW, "drain_timeout": "500ms"})
    daemon.submit(messages(MESSAGES))
    daemon.start()
    fill_window(daemon)
    finish(daemon)

    (lost,) = daemon.events("link_lost")
    assert (lost["level"], lost["outcome_unknown"]) == ("warning", WINDOW)
    assert "not every answer came within drain_timeout" in lost["reason"]
    (stopped,) = daemon.events("daemon_stopped")
    assert stopped["outcome_unknown"] == WINDOW
    assert states(daemon) == {"queued": MESSAGES - WINDOW, "unknown": WINDOW}
    seen = silent.tally()
    assert (seen["swallowed"], seen["unbinds"], seen["connections_dropped"]) == (WINDOW, 1, 0)
    silent.stop()

    centre = Centre(smsc_factory, tally, port=silent.port)
    widen(daemon)
    daemon.start()
    reported = daemon.wait_report()
    assert reported.report["states"] == {"delivered": MESSAGES - WINDOW, "unknown": WINDOW}
    finish(daemon)
    again = centre.tally()
    assert again["accepted"] == MESSAGES - WINDOW
    assert not seen["messages"].keys() & again["messages"].keys()


# ── without a session, and while a file is read ──────────────────────────────────────────────


@pytest.mark.parametrize("accepts", [False, True], ids=["refused", "no answer to the bind"])
def test_without_a_bound_session_there_is_nothing_to_wait_for(
    accepts: bool, daemon_factory: DaemonFactory
) -> None:
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        if accepts:
            held.listen()
        patient = {"reconnect_min": "60s", "reconnect_max": "60s"}
        daemon = daemon_factory(held.getsockname()[1], link=patient)
        daemon.submit(messages(5))
        daemon.start(bound=False)
        daemon.wait(lambda: daemon.status()["states"]["queued"] == 5, "the messages")
        state = "binding" if accepts else "backoff"
        daemon.wait(
            lambda: daemon.status()["links"][0]["sessions"][0]["state"] == state, f"state {state}"
        )
        daemon.terminate(AT_ONCE)
    assert "Traceback" not in daemon.log
    assert daemon.events("daemon_stopped")
    assert states(daemon) == {"queued": 5}


def test_a_file_that_was_being_read_is_read_on_and_each_line_is_taken_once(
    smsc_factory: SmscFactory, daemon_factory: DaemonFactory, tally: Path
) -> None:
    lines = 40_000
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        port = held.getsockname()[1]
        daemon = daemon_factory(port, link={"window": 500, "reconnect_max": "200ms"})
        daemon.submit(messages(lines, receipt=False))
        daemon.start(bound=False)
        daemon.wait(lambda: daemon.status()["accepted"] > 0, "the first lines")
        daemon.terminate(AT_ONCE)
    read = states(daemon)["queued"]
    assert 0 < read < lines
    (source,) = daemon.spool.glob("work/*/batch.jsonl")
    assert not daemon.events("file_admitted")

    centre = Centre(smsc_factory, tally, port=port)
    daemon.start()
    assert daemon.events("daemon_started")[-1]["queued"] == read
    reported = daemon.wait_report()
    assert reported.report["states"] == {"sent": lines}
    assert [result["line"] for result in reported.results] == list(range(1, lines + 1))
    assert [result["id"] for result in reported.results] == [f"m{n}" for n in range(lines)]
    assert not source.exists()
    finish(daemon)
    assert states(daemon) == {"sent": lines}
    seen = centre.tally()
    assert (seen["accepted"], seen["different"], seen["taken_twice"]) == (lines, lines, 0)


# ── a link that is gone after the restart ────────────────────────────────────────────────────

SECOND = """
[link.second]
host = "127.0.0.1"
port = {port}
system_id = "second"
password_file = "password"
on_unknown = "resend"
reconnect_min = "50ms"
reconnect_max = "200ms"
retry_min = "50ms"
"""


def queued_for_a_link_that_goes(
    centre: Centre, daemon_factory: DaemonFactory, count: int
) -> tuple[Daemon, str]:
    """A daemon, stopped, with so many messages for a link that its configuration lost since;
    its configuration before that, with a port where the SMSC is."""
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        section = SECOND.format(port=held.getsockname()[1])
        daemon = daemon_factory(centre.port, more=section)
        daemon.submit(messages(3) + messages(count, 100, via="second"))
        daemon.start()
        delivered = {"delivered": 3, "queued": count}
        daemon.wait(lambda: delivered.items() <= daemon.status()["states"].items(), "3 delivered")
        finish(daemon)
    text = daemon.config.read_text()
    change(daemon, section, "")
    return daemon, text.replace(section, SECOND.format(port=centre.port))


def test_messages_for_a_link_that_was_removed_wait_until_it_is_back(
    smsc_factory: SmscFactory, daemon_factory: DaemonFactory, tally: Path
) -> None:
    centre = Centre(smsc_factory, tally)
    daemon, before = queued_for_a_link_that_goes(centre, daemon_factory, 5)
    daemon.start()
    assert daemon.status()["states"]["queued"] == 5
    daemon.submit(messages(1, 50) + messages(1, 51, via="second"), "more.jsonl")
    results = daemon.wait_report("more.jsonl").results
    assert [result["state"] for result in results] == ["delivered", "rejected"]
    assert results[1]["error"]["code"] == "BAD_VIA"
    finish(daemon)
    assert states(daemon) == {"delivered": 4, "queued": 5, "rejected": 1}

    daemon.config.write_text(before)
    daemon.start()
    assert daemon.wait_report().report["states"] == {"delivered": 8}
    finish(daemon)
    assert centre.tally()["taken_twice"] == 0


def test_messages_for_a_link_that_was_removed_are_told_to_the_operator(
    smsc_factory: SmscFactory, daemon_factory: DaemonFactory, tally: Path
) -> None:
    centre = Centre(smsc_factory, tally)
    daemon, _ = queued_for_a_link_that_goes(centre, daemon_factory, 5)
    lives = len(daemon.events())
    daemon.start()
    finish(daemon)
    warnings = [line for line in daemon.events()[lives:] if line["level"] in {"warning", "error"}]
    told = [line for line in warnings if "second" in json.dumps(line)]
    assert len(told) == 1, Counter(line["event"] for line in daemon.events()[lives:])
    assert 5 in told[0].values()


def test_messages_in_doubt_on_a_link_that_was_removed_do_not_keep_the_daemon_from_starting(
    smsc_factory: SmscFactory, daemon_factory: DaemonFactory, tally: Path
) -> None:
    centre = Centre(smsc_factory, tally, "--answer-latency", "1s")
    section = SECOND.format(port=centre.port)
    daemon = daemon_factory(centre.port, more=section)
    daemon.submit(messages(5, via="second"))
    daemon.start()
    daemon.wait(lambda: in_flight(daemon) == 5, "five in flight")
    daemon.kill()
    assert states(daemon) == {"sending": 5}

    change(daemon, section, "")
    daemon.start()
    assert daemon.events("daemon_started")[-1]["outcome_unknown"] == 5
    finish(daemon)
    assert states(daemon) == {"queued": 5}

    daemon.config.write_text(daemon.config.read_text() + section)
    daemon.start()
    assert daemon.wait_report().report["states"] == {"delivered": 5}
    finish(daemon)
    assert centre.tally()["different"] == 5
