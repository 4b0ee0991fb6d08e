"""What lies beside a file goes with it, whatever happens; and packed files wait for their end."""

from __future__ import annotations

import gzip
import json
import os
from pathlib import Path
from typing import Any

import pytest
import trio
from trio.testing import MockClock

from smppd.campaign import CampaignTerms
from smppd.events import FileQuarantined, FileWaiting
from smppd.message import Lane, Request
from smppd.spool import station, wholeness
from smppd.spool.claiming import Pass, Tokens, claim, left_over, recover
from smppd.spool.quarantine import Unusable, quarantine
from smppd.spool.sightings import PATIENCE
from tests.spool.test_claiming import claimed_in
from tests.spool.test_inbox import Desk, desk  # noqa: F401 (a fixture)
from tests.spool.test_station import Bench, bench, root, running  # noqa: F401 (fixtures)

SETTINGS = json.dumps({"name": "autumn", "text": "Hola {name}", "from": "ACME"}).encode()
PROBLEM = Unusable("is odd", "mend it")
ROWS = b"to,name\n600,Ana\n601,Bo\n"


class KilledError(Exception):
    """The daemon is gone."""


def snapshot(folder: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


@pytest.mark.parametrize("name", ["a.csv", "a.jsonl", "a.csv.gz", "a.json"])
async def test_settings_beside_a_file_of_any_form_hold_for_its_lines(
    bench: Bench,  # noqa: F811
    autojump_clock: MockClock,
    name: str,
) -> None:
    content = {
        "a.csv": ROWS,
        "a.csv.gz": gzip.compress(ROWS[:9]) + gzip.compress(ROWS[9:]),
        "a.json": b'{"to": "600", "x-name": "Ana"}',
        "a.jsonl": b'{"to": "600", "x-name": "Ana"}\n{"to": "601", "x-name": "Bo"}\n',
    }[name]
    async with running(bench):
        bench.hand_in(f"{name}.meta.json", SETTINGS)
        bench.hand_in(name, content)
        await bench.admission.wait_until(lambda: bench.admission.closed_names() == [name])
    [file] = bench.admission.named(name)
    assert [line.request and (line.request.text, line.request.from_) for line in file.lines] == [
        ("Hola Ana", "ACME"),
        ("Hola Bo", "ACME"),
    ][: len(file.lines)]
    assert file.terms.name == "autumn"
    assert bench.files_in("inbox") == []
    assert bench.files_in("work") == [name, f"{name}.meta.json"]


async def test_wrong_settings_keep_the_whole_file_back(
    bench: Bench,  # noqa: F811
    autojump_clock: MockClock,
) -> None:
    async with running(bench):
        bench.hand_in("a.csv.meta.json", b'{"sprad": "2h"}')
        bench.hand_in("a.csv", b"to,text\n600,a\n")
        await bench.admission.wait_until(lambda: bench.admission.withdrawn == ["a.csv"])
        await bench.events.wait_for(FileQuarantined)
    assert bench.files_in("bad") == ["a.csv", "a.csv.error.json", "a.csv.meta.json"]
    assert not bench.admission.files


async def test_settings_without_a_file_wait_and_are_told(
    bench: Bench,  # noqa: F811
    autojump_clock: MockClock,
) -> None:
    async with running(bench):
        bench.hand_in("a.csv.meta.json", SETTINGS)
        [told] = await bench.events.wait_for(FileWaiting)
        assert told.file == "inbox/a.csv.meta.json"
        assert "waits for a.csv" in told.reason
        bench.hand_in("a.csv", ROWS)
        await bench.admission.wait_until(lambda: bench.admission.closed_names() == ["a.csv"])
    assert bench.admission.named("a.csv")[0].terms.name == "autumn"


@pytest.mark.parametrize("dies_at", [1, 2, 3])
def test_a_kill_between_two_renames_never_parts_a_file_from_its_settings(
    root: Path,  # noqa: F811
    monkeypatch: pytest.MonkeyPatch,
    dies_at: int,
) -> None:
    inbox = root / "inbox"
    (inbox / "a.csv").write_bytes(ROWS)
    (inbox / "a.csv.meta.json").write_bytes(SETTINGS)
    before = snapshot(root)
    renames, rename = [0], os.rename

    def mortal(path: str, target: str) -> None:
        renames[0] += 1
        if renames[0] == dies_at:
            raise KilledError
        rename(path, target)

    with monkeypatch.context() as patch:
        patch.setattr(os, "rename", mortal)
        try:
            claimed_in(root, Lane.NORMAL, [("a.csv", 1)], Tokens(root / "work", lambda: 0.0))
        except KilledError:
            assert dies_at < 3
    found = list(recover(left_over(root)[Lane.NORMAL]))
    if dies_at < 3:
        assert not found
        assert snapshot(root) == before
        claimed = claimed_in(root, Lane.NORMAL, [("a.csv", 1)], Tokens(root / "work", lambda: 1.0))
        found = claimed.taken
    [taken] = found
    assert taken.claimed.path.with_name("a.csv.meta.json").read_bytes() == SETTINGS
    assert not list(inbox.glob("a*"))


def test_a_file_that_its_writer_took_back_leaves_its_settings(root: Path) -> None:  # noqa: F811
    (root / "inbox" / "a.csv.meta.json").write_bytes(SETTINGS)
    claimed = claimed_in(root, Lane.NORMAL, [("a.csv", 1)], Tokens(root / "work", lambda: 0.0))
    assert not claimed.taken
    assert (root / "inbox" / "a.csv.meta.json").read_bytes() == SETTINGS


def test_a_kill_on_the_way_to_bad_never_leaves_a_file_without_its_settings(
    root: Path,  # noqa: F811
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    claimed = root / "work" / "20260101T000000000Z-000001-normal"
    claimed.mkdir()
    (claimed / "a.csv").write_bytes(ROWS)
    (claimed / "a.csv.meta.json").write_bytes(SETTINGS)

    def die(*_: object, **__: object) -> None:
        raise KilledError

    for method in ("rename", "unlink"):
        with monkeypatch.context() as patch:
            patch.setattr(Path, method, die)
            with pytest.raises(KilledError):
                quarantine(root, claimed / "a.csv", PROBLEM, 0.0)
        if (claimed / "a.csv").exists():
            assert (claimed / "a.csv.meta.json").read_bytes() == SETTINGS
    assert not list(recover(left_over(root)[Lane.NORMAL]))
    [placed] = (root / "bad" / "1970-01-01").glob("a*.csv")
    assert placed.with_name(f"{placed.name}.meta.json").read_bytes() == SETTINGS
    assert not list((root / "inbox").glob("a*"))


async def test_terms_from_the_first_line_survive_a_kill(
    bench: Bench,  # noqa: F811
    autojump_clock: MockClock,
) -> None:
    heading = {"campaign": {"name": "K", "text": "Hola {n}", "spread": "2h"}}
    lines = [json.dumps({"to": "600", "x-n": str(number)}) for number in range(1000)]
    bench.admission.before = bench.admission.after = 1.0
    bench.hand_in("a.jsonl", "\n".join([json.dumps(heading), *lines, ""]).encode())
    for _ in range(30):
        async with running(bench):
            with trio.move_on_after(9.3):
                await bench.admission.wait_until(lambda: bool(bench.admission.closed_names()))
    [file] = bench.admission.named("a.jsonl")
    assert [line.request and line.request.text for line in file.lines] == [
        f"Hola {number}" for number in range(1000)
    ]
    assert [line.number for line in file.lines] == list(range(2, 1002))
    shares = [line.share for line in file.lines]
    assert shares == sorted(shares)
    assert shares[0] < 0.01
    assert shares[-1] > 0.99
    assert isinstance(file.terms, CampaignTerms)
    assert file.terms.spread == 7200.0
    assert isinstance(file.lines[0].request, Request)


# ── what is written in place ─────────────────────────────────────────────────────────────────


def test_a_file_waits_for_settings_that_are_being_written(desk: Desk) -> None:  # noqa: F811
    desk.write("a.csv.meta.json", SETTINGS[:-5])
    desk.write("a.csv", ROWS)
    assert desk.look(after=3) == []
    desk.look(after=PATIENCE + 1)
    assert [name for name, _ in desk.told] == ["a.csv"]
    assert "a.csv.meta.json beside it is not complete" in desk.told[0][1]
    desk.write("a.csv.meta.json", SETTINGS)
    assert desk.look(after=3) == ["a.csv"]


# ── whose they are ───────────────────────────────────────────────────────────────────────────

#: Two who hand in; the daemon is root.
ANA, BO = 4242, 4243
AS_ROOT = pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files away")


def test_a_link_to_settings_keeps_the_file_waiting_and_is_told(desk: Desk) -> None:  # noqa: F811
    """Without it the messages would go otherwise than was meant."""
    settings = desk.write("common.json", SETTINGS)
    desk.write("a.csv.meta.json").unlink()
    (desk.folder / "a.csv.meta.json").symlink_to(settings)
    desk.write("a.csv", ROWS)
    for _ in range(3):
        assert "a.csv" not in desk.look(after=PATIENCE + 1)
    assert desk.refused == {}
    assert dict(desk.told)["a.csv.meta.json"] == "is not a plain file: write one, or remove it"
    assert "a.csv.meta.json is not a plain file" in dict(desk.told)["a.csv"]


@AS_ROOT
def test_settings_of_somebody_else_are_not_believed_and_told(
    desk: Desk,  # noqa: F811
    tmp_path: Path,
) -> None:
    file, settings = desk.write("a.csv", ROWS), desk.write("a.csv.meta.json", SETTINGS)
    os.chown(file, ANA, -1)
    os.chown(settings, BO, -1)
    assert desk.look(after=3) == []
    desk.look(after=PATIENCE + 1)
    assert desk.told == [
        (
            "a.csv",
            "waits: a.csv.meta.json belongs to another user (uid 4243) than the file (uid 4242): "
            "hand both in as the same user, or remove it",
        )
    ]
    for owner in (ANA, 0):
        os.chown(settings, owner, -1)
        assert desk.look(after=3) == ["a.csv"]
    os.link(settings, tmp_path / "second")
    assert desk.look(after=3) == []


@AS_ROOT
@pytest.mark.parametrize(("owner", "linked"), [(BO, False), (ANA, True)])
async def test_settings_that_somebody_else_put_there_at_the_last_moment_keep_the_file_back(
    bench: Bench,  # noqa: F811
    autojump_clock: MockClock,
    monkeypatch: pytest.MonkeyPatch,
    owner: int,
    linked: bool,
) -> None:
    inbox = bench.inbox(Lane.NORMAL)

    def claimed(here: Path, *rest: Any) -> Pass:
        settings = here / "a.csv.meta.json"
        settings.write_bytes(SETTINGS)
        os.chown(settings, owner, -1)
        if linked:
            os.link(settings, bench.root / "second")
        os.chown(here / "a.csv", ANA, -1)
        return claim(here, *rest)

    monkeypatch.setattr(station, "claim", claimed)
    async with running(bench):
        bench.hand_in("a.csv", ROWS)
        await bench.events.wait_for(FileQuarantined)
    assert bench.files_in("bad") == ["a.csv", "a.csv.error.json", "a.csv.meta.json"]
    assert not bench.admission.files
    assert list(inbox.glob("*.csv")) == []


def test_a_packed_file_waits_for_its_end(
    desk: Desk,  # noqa: F811
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(wholeness, "_AT_ONCE", 128 * 1024)
    content = gzip.compress(os.urandom(1 << 20) + b"\n" * (1 << 22))
    desk.write("a.csv.gz", content[:-1])
    for _ in range(100):
        assert desk.look(after=1) == []
    assert [reason for _, reason in desk.told] == [
        "is not complete: its gzip does not end. Finish it, or write in inbox/tmp and rename it"
    ]
    desk.write("a.csv.gz", content)
    found: list[str] = []
    for _ in range(100):
        found += desk.look(after=1)
        if found:
            break
    assert found == ["a.csv.gz"]


def test_what_is_no_gzip_is_not_waited_for(desk: Desk) -> None:  # noqa: F811
    desk.write("a.csv.gz", ROWS)
    assert desk.look(after=3) == ["a.csv.gz"]


def test_settings_that_lie_ready_for_the_next_file_are_not_given_to_an_earlier_one(
    root: Path,  # noqa: F811
) -> None:
    claimed = root / "work" / "20260101T000000000Z-000001-normal"
    claimed.mkdir()
    (claimed / "a.csv").write_bytes(ROWS)
    (root / "inbox" / "a.csv.meta.json").write_bytes(SETTINGS)
    [taken] = recover(left_over(root)[Lane.NORMAL])
    assert not taken.claimed.path.with_name("a.csv.meta.json").exists()
    assert (root / "inbox" / "a.csv.meta.json").read_bytes() == SETTINGS
