"""The benchmark as people run it: a profile of a few messages, and an SMSC that is not there."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest

BENCH = Path(__file__).parent.parent.parent / "loadtest" / "bench.py"


def _bench(*words: str | Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(BENCH), *map(str, words)]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)


def _json(path: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(path.read_text())
    return found


def test_a_small_run_adds_up(tmp_path: Path) -> None:
    written = tmp_path / "out.json"
    words = ("long", "--messages", "300", "--seconds", "60", "--folder", tmp_path, "--baselines")
    done = _bench(*words, "--json", written)
    assert done.returncode == 0, done.stderr
    assert "messages/s, hand-in to results" in done.stdout
    (run,) = _json(written)["runs"]
    figures = run["figures"]
    assert run["complete"]
    assert run["states"] == {"delivered": 300}
    assert (figures["messages"], figures["parts"], figures["delivered"]) == (300, 900, 300)
    assert (figures["left"], figures["lost"], figures["twice"]) == (0, 0, 0)
    assert figures["audit"] == "holds"
    assert figures["daemon_cpu"] > 0
    assert figures["smsc_cpu"] >= 0
    sent, delivered = run["curves"]["sent/s"], run["curves"]["delivered/s"]
    assert round(sum(sent) * run["step"]) == 900
    assert round(sum(delivered) * run["step"]) == 300
    # Plain clients cut the texts as well, and wait for a receipt of each part.
    assert [each["delivered"] for each in run["baselines"] if not each["left_out"]] == [900] * (
        2 - bool(run["baselines"][1]["left_out"])
    )
    # Its folder is gone, and what was asked for is there.
    assert list(tmp_path.iterdir()) == [written]


def test_how_cost_grows_is_measured_point_by_point_and_set_beside_another_time(
    tmp_path: Path,
) -> None:
    written, page = tmp_path / "out.json", tmp_path / "out.html"
    words = ("grow", "queue:0,120", "--messages", "200", "--rounds", "1")
    done = _bench(*words, "--json", written, "--report", page, "--folder", tmp_path)
    assert done.returncode == 0, done.stderr
    assert "round 1" not in done.stderr
    (queue,) = _json(written)["growths"]
    assert [point["at"] for point in queue["points"]] == [0, 120]
    for point in queue["points"]:
        (figures,) = point["runs"]
        assert (point["messages"], figures["messages"]) == (200, 200)
        assert (figures["left"], figures["lost"], figures["twice"]) == (0, 0, 0)
        assert figures["audit"] == "holds"
        assert figures["wrote"] > 200
    assert "CPU per message at 120 is" in done.stdout
    assert page.read_text().count("<svg") >= 4
    compared = _bench("compare", written, written)
    assert compared.returncode == 0, compared.stderr
    assert "the worst of CPU per message: 1.00" in compared.stdout


def test_another_smsc_stands_in_and_a_plain_client_is_beside(tmp_path: Path) -> None:
    written, page = tmp_path / "out.json", tmp_path / "out.html"
    with _smsc(tmp_path / "tally.json") as address:
        words = ("bulk", "--messages", "200", "--seconds", "60", "--baselines", "--smsc", address)
        done = _bench(*words, "--json", written, "--report", page)
    assert done.returncode == 0, done.stderr
    (run,) = _json(written)["runs"]
    assert run["figures"]["delivered"] == 200
    assert run["left_out"].keys() == {"smsc_cpu", "smsc_load", "lost", "twice"}
    baselines = {each["name"]: each for each in run["baselines"]}
    assert (baselines["smpplib"]["messages"], baselines["smpplib"]["delivered"]) == (200, 200)
    npm = baselines["npm smpp"]
    assert npm["left_out"] or npm["delivered"] == 200
    senders = 3 - bool(npm["left_out"])
    tally = _json(tmp_path / "tally.json")
    assert (tally["accepted"], tally["acknowledged"]) == (200 * senders, 200 * senders)
    assert page.read_text().count("<svg") >= 6
    compared = _bench("compare", written, written)
    assert compared.returncode == 0, compared.stderr
    assert "delivered" in compared.stdout


def test_several_smscs_have_a_link_each(tmp_path: Path) -> None:
    tallies = [tmp_path / "one.json", tmp_path / "two.json"]
    with _smsc(tallies[0]) as one, _smsc(tallies[1]) as two:
        words = ("bulk", "--messages", "2000", "--window", "10", "--baselines", "--smsc", one, two)
        done = _bench(*words, "--seconds", "60", "--json", tmp_path / "out.json")
    assert done.returncode == 0, done.stderr
    (run,) = _json(tmp_path / "out.json")["runs"]
    assert run["states"] == {"delivered": 2000}
    assert [each["left_out"] for each in run["baselines"]] == ["a plain client has one session"]
    taken = [_json(tally)["accepted"] for tally in tallies]
    assert sum(taken) == 2000
    assert min(taken) > 0


@contextmanager
def _smsc(tally: Path) -> Iterator[str]:
    """The lean SMSC by itself; HOST:PORT."""
    script = str(BENCH.with_name("smsc.py"))
    command = [sys.executable, script, "--listen", "127.0.0.1:0", "--tally-file", str(tally)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            yield process.stdout.readline().split()[-1]
        finally:
            process.terminate()
            process.wait(30)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_ctrl_c_ends_everything_and_leaves_nothing(number: int, tmp_path: Path) -> None:
    words = ("bulk", "--messages", "100000", "--folder", str(tmp_path))
    with subprocess.Popen(
        [sys.executable, str(BENCH), *words], stderr=subprocess.PIPE, text=True, process_group=0
    ) as process:
        assert process.stderr is not None
        while not list(tmp_path.glob("*/control.sock")):  # the daemon is up, and the SMSC
            assert process.poll() is None
            time.sleep(0.02)
        assert len(_started(tmp_path)) >= 3
        os.killpg(process.pid, number)
        said = process.stderr.read()
    assert process.returncode == 130
    assert said == "bench.py: broken off; what was through is in --json and --report\n"
    assert list(tmp_path.iterdir()) == []
    assert _started(tmp_path) == []


def _started(folder: Path) -> list[str]:
    """Command lines of processes that name this folder."""
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        with suppress(OSError):
            found.append(path.read_text(errors="replace"))
    return [words for words in found if str(folder) in words]


@pytest.mark.parametrize(
    ("words", "why"),
    [
        ((), "the following arguments are required: PROFILE; see bench.py --help"),
        (("bulk", "--messages", "x"), "argument --messages: invalid int value: 'x'; see bench.py --help"),
        (("bulk", "--messages", "0"), "messages of bulk is below 1"),
        (("bulk", "--folder", "/nowhere"), "--folder /nowhere: there is no such folder; make it, on the disk meant"),
        (("bulk", "--json", "/nowhere/x"), "/nowhere/x cannot be written: there is no folder /nowhere"),
        (("bulk", "--report", "/"), "/ cannot be written: it is a folder; name a file in it"),
        (("bulk", "--config", "/nowhere"), "/nowhere: No such file or directory"),
        (("bulk", "--seconds", "nan"), "--seconds nan: at least a second is needed, like 600"),
        (("grow", "window:1", "--seconds", "nan"), "--seconds nan: at least a second is needed, like 600"),
        (("bulk", "--numbers", "+٣٤"), "--numbers '+٣٤' is no prefix: + and up to seven digits, like +346"),
        (("bulk", "--json", "/tmp/one", "--report", "/tmp/one"), "/tmp/one is named for two things; give each a file of its own"),
        (("compare", "a", "b", "--noise", "-3"), "--noise -3: a percentage that is not below 0, like 10"),
        (("otp", "--rate", "0"), "--rate 0: singles come more often than that, like 25 a second"),
        (("bulk", "--smsc", "here"), "--smsc 'here' is not HOST:PORT, like 127.0.0.1:2775"),
        (("bulk", "links", "--smsc", "127.0.0.1:1"), "links has 4 links, and an account may have one: give each an"
         " address of its own (--smsc), or a name of its own (--system-id)"),
    ],
)  # fmt: skip
def test_what_cannot_be_meant_is_one_line_before_anything_is_measured(
    words: tuple[str, ...], why: str
) -> None:
    done = _bench(*words)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == f"bench.py: {why}\n"


def test_what_the_daemon_does_not_take_is_told_as_it_says_it(tmp_path: Path) -> None:
    done = _bench("bulk", "--messages", "10", "--window", "100000", "--folder", tmp_path)
    assert done.returncode == 2
    (line,) = done.stderr.splitlines()
    assert line.startswith("bench.py: the daemon did not start: ")
    assert line.endswith("link.l0.window: 100000 is out of range; write a number from 1 to 10000")
    assert list(tmp_path.iterdir()) == []


def test_an_smsc_that_is_not_there_is_named_in_one_line() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    done = _bench("bulk", "--smsc", f"127.0.0.1:{port}")
    assert done.returncode == 2
    assert done.stderr.splitlines() == [
        f"bench.py: no SMSC can be reached at 127.0.0.1:{port}: Connection refused; start it, or"
        " leave out --smsc for the simulated one"
    ]


def test_a_machine_elsewhere_is_not_sent_to_unasked() -> None:
    done = _bench("bulk", "--smsc", "smsc.example.net:2775")
    assert done.returncode == 2
    assert "smsc.example.net:2775 is not this machine: say with --numbers" in done.stderr


def test_singles_are_timed_to_the_smsc_while_what_was_queued_drains(tmp_path: Path) -> None:
    written, config = tmp_path / "out.json", tmp_path / "more.toml"
    config.write_text("[events]\nstream = true\n")
    words = ("queued", "--messages", "2000", "--rate", "100", "--config", config)
    done = _bench(*words, "--seconds", "60", "--json", written, "--folder", tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    (run,) = _json(written)["runs"]
    figures = run["figures"]
    assert figures["messages"] > 2000
    assert run["states"] == {"delivered": figures["messages"]}
    assert 0 < figures["high_submit_p50"] <= figures["high_p50"] <= figures["single_p999"]
    assert figures["strays"] == 0
