"""Consumers of the stream's files: from any place, over rotation, and `smppd events`."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from smppd.cli import main
from smppd.outlets.consuming import Bookmark, Place, Reading, place_behind, read_place
from smppd.outlets.happenings import Happening
from smppd.outlets.stream import Rotation, StreamFiles, stream_files

NOW = 1_800_000_000.0


def write(folder: Path, *seqs: int, size: int = 1 << 30) -> None:
    """Append these events, and begin a new file when one has so many octets."""
    folder.mkdir(exist_ok=True)
    files = StreamFiles(folder, Rotation(size, 1e9), lambda: NOW)
    files.recover()
    for seq in seqs:
        told = {
            "seq": seq,
            "event_id": f"abc-{seq:x}-0",
            "event": "sent",
            "at": "2027-01-15T08:00:00.000Z",
        }
        files.append([Happening(seq, 0, "sent", seq, NOW, json.dumps(told).encode())])
    files.close()


def seqs(lines: bytes) -> list[int]:
    return [json.loads(line)["seq"] for line in lines.splitlines()]


def everything(reading: Reading) -> list[int]:
    found = []
    while lines := reading.read():
        found += seqs(lines)
    return found


def test_a_reader_goes_over_all_files_and_on_from_any_place(tmp_path: Path) -> None:
    write(tmp_path, *range(1, 10), size=200)
    assert len(stream_files(tmp_path)) > 2
    reading = Reading(tmp_path, Place(0, 0))
    first = seqs(reading.read())
    kept = read_place(str(reading.place))
    assert kept == reading.place
    again = Reading(tmp_path, kept)
    assert first + everything(again) == list(range(1, 10))
    write(tmp_path, 10, 11, size=200)
    assert everything(again) == [10, 11]
    assert not again.gap


@pytest.mark.parametrize("since", range(12))
def test_a_seq_leads_to_what_is_behind_it(tmp_path: Path, since: int) -> None:
    write(tmp_path, *range(2, 11), size=200)
    found = everything(Reading(tmp_path, place_behind(tmp_path, since)))
    assert found == [seq for seq in range(2, 11) if seq > since]


def test_a_half_written_line_is_left_for_later(tmp_path: Path) -> None:
    write(tmp_path, 1)
    ((_, path),) = stream_files(tmp_path)
    whole = path.read_bytes()
    path.write_bytes(whole + whole[:20])
    reading = Reading(tmp_path, Place(0, 0))
    assert everything(reading) == [1]
    path.write_bytes(whole + whole)
    assert everything(reading) == [1]


def test_a_file_that_is_gone_is_a_gap_and_the_next_is_read(tmp_path: Path) -> None:
    write(tmp_path, *range(1, 10), size=200)
    reading = Reading(tmp_path, Place(0, 0))
    reading.read()
    stream_files(tmp_path)[0][1].unlink()
    assert everything(reading)[-1] == 9
    assert reading.gap


def test_a_bookmark_is_kept(tmp_path: Path) -> None:
    bookmark = Bookmark(tmp_path, "crm")
    assert bookmark.load() is None
    bookmark.save(Place(3, 77))
    assert Bookmark(tmp_path, "crm").load() == Place(3, 77)


# ── the command ──────────────────────────────────────────────────────────────────────────────────


@pytest.fixture
def config(tmp_path: Path) -> str:
    path = tmp_path / "smppd.toml"
    path.write_text(
        '[spool]\npath = "spool"\n[journal]\npath = "j.db"\n[events]\nstream = true\n'
        '[link.main]\nhost = "127.0.0.1"\nsystem_id = "a"\npassword_env = "X"\n'
    )
    (tmp_path / "spool").mkdir()
    return str(path)


def printed(capfd: pytest.CaptureFixture[str], *words: str, config: str) -> list[int]:
    assert main(["--config", config, "events", *words]) == 0
    return seqs(capfd.readouterr().out.encode())


def test_a_named_consumer_gets_everything_once(
    tmp_path: Path, config: str, capfd: pytest.CaptureFixture[str]
) -> None:
    events = tmp_path / "spool" / "events"
    write(events, 1, 2, 3)
    assert printed(capfd, "--name", "crm", config=config) == [1, 2, 3]
    assert printed(capfd, "--name", "crm", config=config) == []
    write(events, 4)
    assert printed(capfd, "--name", "crm", config=config) == [4]
    assert printed(capfd, "--name", "other", config=config) == [1, 2, 3, 4]
    assert printed(capfd, "--since", "2", config=config) == [3, 4]
    place = (events / "cursors" / "crm").read_text().strip()
    assert printed(capfd, "--since", place, config=config) == []


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["--since", "yesterday"], "is no cursor"),
        (["--name", "../x"], "is no name"),
    ],
)
def test_what_cannot_be_meant_is_one_line(
    words: list[str], says: str, config: str, capfd: pytest.CaptureFixture[str]
) -> None:
    assert main(["--config", config, "events", *words]) == 2
    err = capfd.readouterr().err
    assert says in err
    assert err.count("\n") == 1


def test_without_a_stream_the_command_says_how_to_get_one(
    tmp_path: Path, config: str, capfd: pytest.CaptureFixture[str]
) -> None:
    path = Path(config)
    path.write_text(path.read_text().replace("stream = true", "stream = false"))
    assert main(["--config", config, "events"]) == 2
    assert "set stream = true in [events]" in capfd.readouterr().err


def test_a_bookmark_that_holds_nonsense_is_named(
    tmp_path: Path, config: str, capfd: pytest.CaptureFixture[str]
) -> None:
    write(tmp_path / "spool" / "events", 1)
    (tmp_path / "spool" / "events" / "cursors").mkdir()
    (tmp_path / "spool" / "events" / "cursors" / "crm").write_text("x")
    assert main(["--config", config, "events", "--name", "crm"]) == 1
    assert "cursors/crm holds no place" in capfd.readouterr().err


def test_who_cannot_keep_his_place_gets_no_line(
    tmp_path: Path, config: str, capfd: pytest.CaptureFixture[str]
) -> None:
    """Else he has them all, and all of them again the next time."""
    events = tmp_path / "spool" / "events"
    write(events, 1)
    (events / "cursors").touch()
    assert main(["--config", config, "events", "--name", "crm"]) == 1
    out, err = capfd.readouterr()
    assert out == ""
    assert err == (
        f"smppd: {events}/cursors/crm: Not a directory: run this with sudo, or as the daemon's user,"
        " or keep the place yourself and say --since\n"
    )
