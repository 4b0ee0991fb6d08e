"""`smppd report` and `smppd campaigns` on journals that a pipeline wrote: what they write is what a
publication writes, however old the file, and with what became known since."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import trio
import trio.testing

from smppd.campaign import CampaignTerms
from smppd.cli import main
from smppd.ledger.facts import Kind
from smppd.ledger.slots import BLOCK
from smppd.message import Lane
from smppd.pipeline.publish import ROUND
from smppd.ports import Claimed
from smppd.smpp.vocabulary import CommandStatus

if TYPE_CHECKING:
    from trio.testing import MockClock

    from tests.pipeline.conftest import Bench, Life

quiet = trio.testing.wait_all_tasks_blocked
Run = Callable[..., tuple[int, str, str]]

CONFIG = """
[spool]
path = "spool"
[journal]
path = "journal.db"
[link.main]
host = "127.0.0.1"
system_id = "acme"
password_env = "SMPPD_TEST_PASSWORD"
[prices]
currency = "EUR"
ES = 0.05
"""


@pytest.fixture
def run(tmp_path: Path, bench: Bench, capsys: pytest.CaptureFixture[str]) -> Run:
    """Runs a command on the bench's journal: exit code, output, complaints."""
    config = tmp_path / "smppd.toml"
    config.write_text(CONFIG)

    def call(*words: str) -> tuple[int, str, str]:
        capsys.readouterr()
        code = main([*words, "--config", str(config)])
        said = capsys.readouterr()
        return code, said.out, said.err

    return call


async def deliver(life: Life, *, receipts: bool = True) -> None:
    await quiet()
    while life.wire.in_flight:
        for part in list(life.wire.in_flight):
            await life.answer(part)
            if receipts:
                await life.receive(life.receipt(life.name_of(part)))
        await quiet()


def written(bench: Bench) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in (bench.root / "done").glob("*/*.jsonl")}


def without_cost(report: dict[str, Any]) -> dict[str, Any]:
    """The bench's own reporter knows no prices."""
    shares = {
        kind: {
            name: {key: each for key, each in share.items() if key != "cost"}
            for name, share in report[kind].items()
        }
        for kind in ("countries", "links")
    }
    return {key: each for key, each in report.items() if key != "cost"} | shares


async def test_a_reported_file_is_written_again_as_it_was(
    bench: Bench, run: Run, autojump_clock: MockClock
) -> None:
    lines: list[dict[str, Any] | bytes] = [
        bench.sms(id="bulk", priority="bulk"),
        b"no json",
        bench.long_sms(2, id="long"),
        bench.sms(id="high", priority="high"),
        bench.sms(id="high"),
        bench.sms(id="refused"),
        *(bench.sms(id=f"late{n}", expires=0.001) for n in range(5)),
        bench.sms(to=["+34600000003", "12"], id="two"),
        bench.sms(id="plain", receipt=False),
    ]
    async with bench.up(window=0, publishing=True) as life:
        await life.hand_in([bench.sms(id=f"before{n}") for n in range(3)], "z.jsonl", token="t0")
        await life.hand_in(lines, chunk=4)
        await trio.sleep(1)
        life.wire.open(50)
        await quiet()
        for part in list(life.wire.in_flight):
            if life.texts([part])[0] == "refused":
                await life.answer(part, CommandStatus.ESME_RINVDSTADR)
        await deliver(life)
        await life.hand_in([bench.sms(id="after")], "y.jsonl", token="t2")
        await deliver(life)
        await trio.sleep(ROUND)
        await quiet()
        assert life.accounts.files == {}
        before, report = written(bench), bench.report()
        code, out, err = run("report", "a.jsonl", "--json")
        assert (code, err) == (0, "")
        assert written(bench) == before
        assert without_cost(json.loads(out)) == report
        assert json.loads(out) == bench.report(), "what is shown is what is written"
        assert json.loads(out)["cost"]["estimated"] == 0.3


async def test_the_messages_of_every_block_are_found(
    bench: Bench, run: Run, autojump_clock: MockClock
) -> None:
    async with bench.up(window=500, publishing=True) as life:
        lines = [bench.sms() if number % 50 == 7 else b"no" for number in range(BLOCK + 99)]
        await life.hand_in(lines, chunk=1000)
        await deliver(life)
        before = written(bench)
        assert run("report", "a.jsonl")[0] == 0
        assert written(bench) == before
        assert bench.report()["states"] == {"delivered": 84, "rejected": BLOCK + 99 - 84}
        assert "a.jsonl.report.html" in bench.done()


async def test_what_came_after_the_report_is_in_it_now(
    bench: Bench, run: Run, autojump_clock: MockClock
) -> None:
    bench.report_after = 5.0
    async with bench.up(publishing=True) as life:
        await life.hand_in([bench.sms(id="a"), bench.sms(id="b")])
        await quiet()
        one, two = life.wire.in_flight
        await life.answer(one)
        await life.lose(two)
        await trio.sleep(20)
        assert bench.report()["complete"] is False
        await life.receive(life.receipt(life.name_of(one)))
        code, out, _ = run("report", "a.jsonl")
        assert code == 0
        assert "a.jsonl: 2 messages, not complete yet" in out
        assert [each["state"] for each in bench.results()] == ["delivered", "unknown"]
        assert bench.report()["states"] == {"delivered": 1, "unknown": 1}
        await life.answer(two, late=True)
        await life.receive(life.receipt(life.name_of(two)))
        assert life.accounts.files == {}
        assert run("report", "a.jsonl")[0] == 0
        assert bench.report()["complete"] is True
        assert [each["state"] for each in bench.results()] == ["delivered", "delivered"]


async def test_of_a_message_that_was_spilled_twice_the_newest_counts(
    bench: Bench, run: Run, autojump_clock: MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("smppd.pipeline.desk.WAITING_IN_MEMORY", 1)
    monkeypatch.setattr("smppd.pipeline.desk.WAITING_AFTER_SPILL", 0)
    bench.report_after = 5.0
    async with bench.up(publishing=True) as life:
        await life.hand_in([bench.long_sms(2, id="long")])
        await deliver(life, receipts=False)
        await life.desk.checkpoint()
        await life.receive(life.receipt(life.name_of(life.wire.submitted[0])))
        await life.desk.checkpoint(final=True)
        await trio.sleep(20)
        before = written(bench)
        assert run("report", "a.jsonl")[0] == 0
        assert written(bench) == before
        assert bench.results()[0]["part_states"] == ["delivered", "sent"]


async def test_an_open_file_is_reported_as_it_stands_and_written_elsewhere(
    bench: Bench, run: Run, tmp_path: Path, autojump_clock: MockClock
) -> None:
    async with bench.up(window=1) as life:
        await life.hand_in([bench.sms(id=name) for name in "abc"])
        await quiet()
        await life.answer(life.wire.in_flight[0])
        await quiet()
        code, out, _ = run("report", "a.jsonl")
        assert code == 0
        assert "nothing is written before the file is reported" in out
        assert bench.done() == []
        (tmp_path / "out").mkdir()
        code, out, _ = run("report", "a.jsonl", "--output", str(tmp_path / "out"), "--html")
        assert code == 0
        names = sorted(path.name for path in (tmp_path / "out").iterdir())
        assert names == [
            f"a.jsonl.{end}" for end in ("report.html", "report.json", "results.jsonl")
        ]
        report = json.loads((tmp_path / "out" / "a.jsonl.report.json").read_text())
        assert report["states"] == {"sent": 1, "sending": 1, "queued": 1}
        assert run("report", "a.jsonl", "--output", str(tmp_path / "none"))[0] == 2


async def test_names_that_mean_several_files(
    bench: Bench, run: Run, tmp_path: Path, autojump_clock: MockClock
) -> None:
    async with bench.up(publishing=True) as life:
        for number in range(3):
            await life.hand_in([bench.sms(id=f"x{number}")], token=f"t{number}")
            await deliver(life)
            await trio.sleep(ROUND)
        code, _, err = run("report", "a.jsonl")
        assert code == 2
        assert err.startswith("smppd: a.jsonl is the name of 3 files: give the path, or --newest\n")
        paths = [line.strip() for line in err.splitlines()[1:]]
        assert [Path(path).name for path in paths] == ["a~3.jsonl", "a~2.jsonl", "a.jsonl"]
        for words in ((paths[1],), (paths[1] + ".report.json",), (paths[1] + ".results.jsonl",)):
            code, out, _ = run("report", *words, "--json")
            assert (code, json.loads(out)["claim"]) == (0, "t1/a.jsonl")
        code, out, _ = run("report", "a.jsonl", "--newest", "--json")
        assert json.loads(out)["claim"] == "t2/a.jsonl"
        code, _, err = run("report", "nothing.jsonl")
        assert code == 1
        assert err.count("\n") == 1


async def test_the_files_of_a_campaign_are_summed(
    bench: Bench, run: Run, tmp_path: Path, autojump_clock: MockClock
) -> None:
    async with bench.up(publishing=True) as life:
        for number in range(3):
            name = f"{number}.jsonl"
            claimed = Claimed(f"t{number}", name, Lane.NORMAL, bench.root)
            unread = await life.admission.open_file(claimed)
            terms = CampaignTerms("spring/<sale>", spread=60.0)
            await life.admission.note_terms(unread.file_id, terms)
            await life.hand_in(
                [bench.sms(id=f"{number}.{n}") for n in range(2)], name, token=f"t{number}"
            )
            await deliver(life)
        (tmp_path / "out").mkdir()
        output = ("--output", str(tmp_path / "out"))
        code, out, err = run("report", "spring/<sale>", "--json", "--html", *output)
        assert (code, err) == (0, "")
        report = json.loads(out)
        assert report["states"] == {"delivered": 6}
        assert report["cost"]["estimated"] == 0.3
        assert report["files"] == {f"t{n}/{n}.jsonl": 2 for n in (2, 1, 0)}
        whole = tmp_path / "out" / "spring__sale_.report.json"
        assert json.loads(whole.read_text()) == report
        assert whole.with_suffix(".html").exists()
        own = json.loads((tmp_path / "out" / "1.jsonl.report.json").read_text())
        assert (own["campaign"], own["terms"]) == ("spring/<sale>", {"spread": 60.0})
        code, out, _ = run("campaigns", "--name", "spring*", "--json")
        assert [each["file"] for each in json.loads(out)["campaigns"]] == [
            *("2.jsonl", "1.jsonl", "0.jsonl")
        ]


async def test_a_journal_that_forgot_says_so(
    bench: Bench, run: Run, autojump_clock: MockClock
) -> None:
    async with bench.up(publishing=True) as life:
        await life.hand_in([bench.sms(id="a")])
        await deliver(life)
    with closing(sqlite3.connect(bench.path)) as connection, connection:
        connection.execute("DELETE FROM fact")
        connection.execute("DELETE FROM message")
        connection.execute("DELETE FROM snapshot")
    before = written(bench)
    code, _, err = run("report", "a.jsonl")
    assert code == 1
    assert err.startswith("smppd: the journal no longer has the messages of a.jsonl; its report of")
    assert written(bench) == before


async def test_a_journal_that_contradicts_itself_is_one_line(
    bench: Bench, run: Run, autojump_clock: MockClock
) -> None:
    async with bench.up(window=0) as life:
        await life.hand_in([bench.sms(id="a")])
    with closing(sqlite3.connect(bench.path)) as connection, connection:
        connection.execute("UPDATE fact SET seq = seq + 5 WHERE seq = (SELECT max(seq) FROM fact)")
        connection.execute("DELETE FROM snapshot")
    for words in (("report", "a.jsonl"), ("campaigns",)):
        code, _, err = run(*words)
        assert (code, err.count("\n")) == (1, 1)
        assert "run smppd audit" in err


@pytest.mark.parametrize("change", ["num = num + 1", "detail = substr(detail, 1, 40)"])
async def test_a_damaged_bundle_is_one_line(
    bench: Bench, run: Run, change: str, autojump_clock: MockClock
) -> None:
    async with bench.up(publishing=True) as life:
        parts = await life.submit(*(bench.sms(id=name) for name in "abcd"))
        await life.settle(*map(life.answered, parts[:3]))
        first, *others = (life.receipt(life.name_of(part)) for part in parts[:3])
        await life.receive(first)
        await life.receive(*others)
    kinds = (Kind.SENT_BUNDLE, Kind.DELIVERED_BUNDLE)
    with closing(sqlite3.connect(bench.path)) as connection, connection:
        connection.execute("DELETE FROM snapshot")
        damaged = connection.execute(
            f"UPDATE fact SET {change} WHERE num > 1 AND kind IN (?, ?)",
            kinds,
        )
        assert damaged.rowcount == 2
    for words in (("report", "0.jsonl"), ("campaigns",), ("show", "a"), ("cancel", "a")):
        code, _, err = run(*words)
        assert (code, err.count("\n")) == (1, 1), words
        assert "run smppd audit" in err
    code, out, err = run("audit")
    assert (code, err) == (1, "")
    assert "FAILED   every fact follows from those before it: Damaged: fact" in out


async def test_a_clock_that_was_set_back_hides_no_file(
    bench: Bench, run: Run, autojump_clock: MockClock
) -> None:
    async with bench.up(publishing=True) as life:
        for number, skew in enumerate((0.0, 5000.0, -5000.0, 100.0)):
            bench.skew = skew
            await life.hand_in([bench.sms(id=f"{number}")], f"{number}.jsonl", token=f"t{number}")
            await deliver(life)
    for number in range(4):
        code, out, _ = run("report", f"{number}.jsonl", "--json")
        assert (code, json.loads(out)["states"]) == (0, {"delivered": 1}), number


async def test_campaigns_are_listed_the_newest_first(
    bench: Bench, run: Run, autojump_clock: MockClock
) -> None:
    async with bench.up(publishing=True) as life:
        assert run("campaigns")[1] == "no file was handed in yet\n"
        for number in range(3):
            await life.hand_in([bench.sms(id=f"{number}")], f"{number}.jsonl", token=f"t{number}")
            await deliver(life)
            await trio.sleep(3600)
        life.wire.open(0)
        await life.hand_in([bench.sms(id="x"), b"no"], "open.jsonl", token="t9")
        await quiet()
        assert run("report", "2.jsonl")[0] == 0
        code, out, _ = run("campaigns")
        head, *rows = out.splitlines()
        assert head.split()[:2] == ["campaign", "file"]
        assert [row.split()[0] for row in rows] == [
            "open.jsonl",
            *(f"{n}.jsonl" for n in (2, 1, 0)),
        ]
        assert "sending" in rows[0]
        assert "0.05 EUR" in rows[1], "the cost of its report"
        code, out, _ = run("campaigns", "--open", "--json")
        found = json.loads(out)
        (only,) = found["campaigns"]
        assert (only["file"], only["messages"], only["done"]) == ("open.jsonl", 2, 1)
        assert only["states"] == {"queued": 1, "rejected": 1}
        assert found["more"] is False
        code, out, _ = run("campaigns", "--limit", "2")
        assert len(out.splitlines()) == 4
        assert out.endswith("the newest 2; --limit shows more\n")
        assert run("campaigns", "--name", "no*")[1] == "no file is like that\n"
        code, out, _ = run("campaigns", "--since", "2999-01-01", "--json")
        assert json.loads(out)["campaigns"] == []
        code, _, err = run("campaigns", "--since", "yesterday")
        assert code == 2
        assert "is no time" in err
