"""What the benchmark makes of `status`, and the line that it shows while it runs."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest
from benchmark.profiles import PROFILES
from benchmark.running import strays
from benchmark.sampling import progress_line, sample_of
from benchmark.setting import BenchError, accounts, configuration, split_address

from smppd.config import Config, load
from smppd.figures import DaemonFigures, JournalFigures, LinkFigures, SessionFigures, SpoolFigures
from tests.loadtest.conftest import sample


def test_a_sample_is_the_sum_over_all_links() -> None:
    links = [
        LinkFigures(
            name=name,
            sessions=[
                SessionFigures("bound_trx", in_flight=3),
                SessionFigures("bound_trx", in_flight=4),
            ],
            answers={0: 10, 0x58: 2},
            throttled=2,
            limited_by="window",
        )
        for name in ("a", "b")
    ]
    links[1].latency.observe(0.01)
    figures = DaemonFigures(
        version="1", pid=1, started=0.0, now=1.0, stopping=False, accepted=20,
        states={"delivered": 5}, queued_by_lane={}, oldest_queued=None, open_files=1,
        parked_receipts=0, unmatched_receipts=0, links=links, journal=JournalFigures(),
        spool=SpoolFigures(reported=1),
    )  # fmt: skip
    told = msgspec.json.decode(msgspec.json.encode(figures))
    found = sample_of(told, 1.5, (0.2, 0.1), 1 << 20)
    assert (found.in_flight, found.answered, found.throttled) == (14, 24, 4)
    assert (found.delivered, found.reported, sum(found.answers)) == (5, 1, 1)


def test_progress_is_one_line_with_the_rate_since_the_last() -> None:
    line = progress_line("bulk", 100_000, sample(12.0, 60_000, 1.0), sample(10.0, 40_000, 0.9))
    assert line == "bulk  12 s  sent 60,000 of 100,000  delivered 60,000  10,000/s  in flight 7"
    assert "  5,000/s  " in progress_line("bulk", 100_000, sample(12.0, 60_000, 1.0), None)


@pytest.mark.parametrize("name", PROFILES)
def test_the_daemon_takes_the_configuration_of_each_profile(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SMPPD_LOAD_PASSWORD", "secret")
    profile = PROFILES[name]
    names = [f"load{n}" for n in range(profile.links)]
    path = tmp_path / "smppd.toml"
    path.write_text(configuration(tmp_path, profile, accounts(profile, ["127.0.0.1:2775"], names)))
    config = load(path)
    assert isinstance(config, Config), config
    assert len(config.links) == profile.links
    assert {(link.sessions, link.window) for link in config.links} == {
        (profile.sessions, profile.window)
    }


def test_each_link_has_an_account_of_its_own() -> None:
    bulk, links = PROFILES["bulk"], PROFILES["links"]
    assert accounts(bulk, ["a:1", "b:2"], ["x"]) == [("a:1", "x"), ("b:2", "x")]
    assert accounts(links, ["a:1"], list("wxyz")) == [("a:1", name) for name in "wxyz"]
    with pytest.raises(BenchError, match="links has 4 links, and an account may have one"):
        accounts(links, ["a:1"], ["x"])


@pytest.mark.parametrize("address", ["2775", "host:", "host:0", "host:70000", ":2775", "host:x"])
def test_an_address_that_is_none_is_refused(address: str) -> None:
    with pytest.raises(BenchError, match=r"is not HOST:PORT, like 127\.0\.0\.1:2775"):
        split_address(address)
    assert split_address("[::1]:2775") == ("::1", 2775)


def test_what_lies_where_it_should_not_is_counted(tmp_path: Path) -> None:
    for folder in ("inbox/tmp", "work/a", "done/day"):
        (tmp_path / folder).mkdir(parents=True)
    for name in ("a.json", "a.json.results.jsonl", "a.json.report.json", "a.json.report.html"):
        (tmp_path / "done" / "day" / name).touch()
    assert strays(tmp_path) == 0
    (tmp_path / "done" / "day" / "b.json").touch()
    assert strays(tmp_path) == 1
    (tmp_path / "work" / "a" / "c.json").touch()
    assert strays(tmp_path) == 2


def test_what_waits_is_in_the_line_of_progress() -> None:
    line = progress_line("bulk", 100, sample(1.0, 60, 1.0, states={"queued": 1_040}), None)
    assert line.startswith("bulk  1 s  queued 1,040  sent 60 of 100")
