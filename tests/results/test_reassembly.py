"""Long messages from handsets: in whatever order the parts come, and wherever the daemon dies."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from itertools import count, permutations
from pathlib import Path
from typing import Any

import pytest
import trio

from smppd.events import Event, ReceivedIncomplete
from smppd.ports import Letter
from smppd.results import halves, sorting
from smppd.results.mailbox import Mailbox, MailRules
from smppd.smpp import gsm7
from smppd.smpp.pdu import DataSm, DeliverSm
from smppd.smpp.vocabulary import TlvTag

DAY = 86_400.0
NAME: dict[str, Any] = {"source_addr": "34600000001", "destination_addr": "2580"}


class KilledError(Exception):
    """The daemon is gone."""


class Post:
    """A mailbox on a folder, its operator, and the client who takes letters away."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.now = 1_795_258_740.25
        self.told: list[Event] = []
        self.noted: list[Letter] = []
        self.dies = False
        for name in ("new", "parts"):
            (root / "received" / name).mkdir(parents=True)
        self.restart()

    def restart(self, **alphabets: str) -> None:
        """The next life of the daemon."""
        rules = MailRules(DAY, alphabets)
        self.box = Mailbox(self.root, lambda: self.now, self.told.append, rules, inline)
        self.box.note_with(self.note)
        self.box.recover(self.noted.extend)

    async def note(self, letters: Sequence[Letter]) -> None:
        """The journal has these; or the daemon dies before, or just after."""
        if self.dies:
            raise KilledError
        await trio.lowlevel.checkpoint()
        self.noted.extend(letters)

    async def bring(self, *messages: DeliverSm | DataSm, link: str = "main") -> list[bool]:
        return list(await self.box.keep(link, messages))

    async def wait(self, seconds: float) -> None:
        self.now += seconds
        await self.box.tend()

    def take(self) -> list[dict[str, Any]]:
        """Take away what is in new/, in the order of the names."""
        letters = []
        for path in sorted((self.root / "received" / "new").iterdir()):
            letters.append(json.loads(path.read_bytes()))
            path.unlink()
        return letters

    def parts(self) -> list[str]:
        """The names of the files in parts/, but for what is remembered of joined messages."""
        paths = (self.root / "received" / "parts").iterdir()
        return sorted(path.name for path in paths if path.suffix != ".told")

    def texts(self) -> list[str]:
        return [letter["text"] for letter in self.take()]


async def inline(function: Any, *arguments: Any) -> Any:
    await trio.lowlevel.checkpoint()
    return function(*arguments)


@pytest.fixture
def post(tmp_path: Path) -> Post:
    return Post(tmp_path)


def udh8(number: int, total: int, octets: bytes, reference: int = 7, **more: Any) -> DeliverSm:
    header = bytes((5, 0, 3, reference, total, number))
    return DeliverSm(**NAME | {"esm_class": 0x40, "short_message": header + octets} | more)


def udh16(number: int, total: int, octets: bytes, reference: int = 7) -> DeliverSm:
    header = b"\x06\x08\x04" + reference.to_bytes(2, "big") + bytes((total, number))
    return DeliverSm(**NAME, esm_class=0x40, short_message=header + octets)


def payload(number: int, total: int, octets: bytes, reference: int = 7) -> DataSm:
    header = bytes((5, 0, 3, reference, total, number))
    tlvs = ((int(TlvTag.MESSAGE_PAYLOAD), header + octets),)
    return DataSm(**NAME, esm_class=0x40, tlvs=tlvs)


def sar(number: int, total: int, octets: bytes, reference: int = 7) -> DeliverSm:
    tlvs = (
        (int(TlvTag.SAR_MSG_REF_NUM), reference.to_bytes(2, "big")),
        (int(TlvTag.SAR_TOTAL_SEGMENTS), bytes((total,))),
        (int(TlvTag.SAR_SEGMENT_SEQNUM), bytes((number,))),
    )
    return DeliverSm(**NAME, short_message=octets, tlvs=tlvs)


def three(make: Any = udh8, reference: int = 7) -> list[DeliverSm | DataSm]:
    return [make(n, 3, text, reference) for n, text in ((1, b"one "), (2, b"two "), (3, b"three"))]


@pytest.mark.parametrize("make", [udh8, udh16, sar, payload])
@pytest.mark.parametrize("order", list(permutations(range(3))))
async def test_parts_are_joined_in_whatever_order_they_come(
    post: Post, make: Any, order: Sequence[int]
) -> None:
    parts = three(make)
    for place in order:
        assert post.take() == []
        assert await post.bring(parts[place]) == [True]
        post.now += 1
    (letter,) = post.take()
    assert letter == {
        "link": "main",
        "received": "2026-11-21T10:59:00.250Z",
        "source": "34600000001",
        "destination": "2580",
        "text": "one two three",
        "data": b"one two three".hex(),
        "data_coding": 0,
        "esm_class": 0,
        "kind": "message",
        "parts": 3,
        "missing": [],
        "reference": 7,
    }
    assert post.parts() == []


async def test_a_batch_with_everything_in_it(post: Post) -> None:
    other: dict[str, Any] = {"source_addr": "34600000002"}
    batch = [
        *three(),
        DeliverSm(**NAME, short_message=b"short"),
        *(udh8(n, 2, b"%d" % n, **other) for n in (2, 1)),
        udh8(1, 2, b"lonely", 8),
    ]
    assert await post.bring(*batch) == [True] * 7
    assert sorted(post.texts()) == ["12", "one two three", "short"]
    assert len(post.parts()) == 1


async def test_a_character_may_lie_across_two_parts(post: Post) -> None:
    emoji = "😀".encode("utf-16-be")
    await post.bring(udh8(2, 2, emoji[2:], data_coding=8), udh8(1, 2, emoji[:2], data_coding=8))
    await post.bring(udh8(1, 2, b"1\x1b", 8), udh8(2, 2, b"e2", 8))
    assert sorted(post.texts()) == ["1€2", "😀"]


async def test_parts_of_packed_septets_are_unpacked_each_for_itself(post: Post) -> None:
    post.restart(main="gsm7_packed")
    first, second = (gsm7.pack(text, gsm7.fill_bits(6)) for text in (b"1\x1b", b"e2"))
    await post.bring(udh8(1, 2, first), udh8(2, 2, second))
    emoji = "😀".encode("utf-16-be")
    await post.bring(
        udh8(1, 2, emoji[:2], 8, data_coding=8), udh8(2, 2, emoji[2:], 8, data_coding=8)
    )
    assert sorted(post.texts()) == ["1€2", "😀"]


async def test_parts_coded_differently_are_each_read_as_they_are(post: Post) -> None:
    await post.bring(udh8(1, 2, b"a"), udh8(2, 2, "ж".encode("utf-16-be"), data_coding=8))
    assert post.texts() == ["aж"]


async def test_parts_may_come_over_different_links(post: Post) -> None:
    first, second, third = three()
    await post.bring(first, link="a")
    await post.bring(third, second, link="b")
    assert [(letter["link"], letter["text"]) for letter in post.take()] == [("a", "one two three")]


async def test_references_of_different_kinds_senders_or_totals_do_not_mix(post: Post) -> None:
    await post.bring(udh8(1, 2, b"a"), udh16(2, 2, b"b"), sar(2, 2, b"c"), udh8(2, 3, b"d"))
    await post.bring(
        udh8(2, 2, b"e", source_addr="34600000002"), udh8(2, 2, b"f", destination_addr="2581")
    )
    assert post.take() == []
    await post.bring(udh8(2, 2, b"g"))
    assert post.texts() == ["ag"]


async def test_a_message_of_one_part_is_whole(post: Post) -> None:
    await post.bring(udh8(1, 1, b"all"))
    (letter,) = post.take()
    assert (letter["text"], letter["parts"], letter["missing"]) == ("all", 1, [])


@pytest.mark.parametrize(("number", "total"), [(0, 3), (4, 3), (1, 0), (0, 0)])
async def test_wrong_numbers_are_given_out_as_they_are(post: Post, number: int, total: int) -> None:
    await post.bring(udh8(number, total, b"odd"))
    (letter,) = post.take()
    assert letter["text"] == "odd"
    assert letter["problem"] == f"says that it is part {number} of {total}"
    assert post.parts() == []


# ── what comes twice ─────────────────────────────────────────────────────────────────────────


async def test_a_part_delivered_once_more_is_harmless(post: Post) -> None:
    first, second, third = three()
    assert await post.bring(first, first) == [True, True]
    await post.bring(second, first, third)
    assert post.texts() == ["one two three"]
    assert await post.bring(second) == [True]
    await post.wait(2 * DAY)
    assert post.take() == []
    assert list((post.root / "received" / "parts").iterdir()) == []
    assert post.told == []


async def test_a_part_delivered_once_more_after_a_restart_is_harmless(post: Post) -> None:
    await post.bring(*three())
    assert post.texts() == ["one two three"]
    post.restart()
    assert await post.bring(three()[1]) == [True]
    post.restart()
    await post.wait(2 * DAY)
    assert post.take() == []
    assert list((post.root / "received" / "parts").iterdir()) == []
    assert post.told == []


async def test_what_is_remembered_of_joined_messages_is_limited(
    post: Post, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(halves, "REMEMBERED", 3)
    for reference in (0, 1, 2, 0, 3, 4, 5):
        await post.bring(*three(reference=reference))
    told = list((post.root / "received" / "parts").iterdir())
    assert len(told) == 3
    await post.wait(4000)
    assert list((post.root / "received" / "parts").iterdir()) == []


async def test_the_same_message_again_is_another_message(post: Post) -> None:
    await post.bring(*three())
    await post.bring(*three())
    assert post.texts() == ["one two three"] * 2


async def test_a_new_message_that_begins_like_the_last_one_is_not_lost(post: Post) -> None:
    await post.bring(*three())
    await post.bring(udh8(1, 3, b"one "), udh8(2, 3, b"2 "))
    await post.wait(2 * DAY)
    assert post.texts() == ["one two three", "one 2 "]


async def test_what_was_delivered_once_more_long_ago_does_not_mix_with_a_new_message(
    post: Post,
) -> None:
    await post.bring(*three())
    await post.bring(udh8(2, 3, b"two "))
    post.now += 3600
    await post.bring(udh8(1, 3, b"I "), udh8(3, 3, b"III"), udh8(2, 3, b"II "))
    assert post.texts() == ["one two three", "I II III"]


async def test_a_reference_that_comes_again_gives_out_what_was_there(post: Post) -> None:
    await post.bring(udh8(1, 2, b"old"))
    await post.bring(udh8(1, 2, b"new "), udh8(2, 2, b"rest"))
    assert sorted((letter["text"], *letter["missing"]) for letter in post.take()) == [
        ("new rest",),
        ("old", 2),
    ]
    (event,) = post.told
    assert isinstance(event, ReceivedIncomplete)


# ── what does not come ───────────────────────────────────────────────────────────────────────


async def test_what_waited_too_long_is_given_out_with_what_is_missing(post: Post) -> None:
    await post.bring(udh8(2, 4, b"two "), udh8(3, 4, b"three "))
    await post.wait(DAY - 60)
    assert post.take() == []
    await post.wait(120)
    (letter,) = post.take()
    assert (letter["text"], letter["parts"], letter["missing"]) == ("two three ", 4, [1, 4])
    (event,) = post.told
    assert isinstance(event, ReceivedIncomplete)
    assert (event.link, event.parts, event.missing) == ("main", 4, "1, 4")
    assert post.parts() == []


async def test_a_part_that_comes_too_late_is_given_out_by_itself(post: Post) -> None:
    await post.bring(udh8(1, 3, b"ha ha "), udh8(3, 3, b"ha"))
    await post.wait(DAY + 60)
    await post.bring(udh8(2, 3, b"ha "))
    await post.wait(DAY + 60)
    told = [(letter["text"], letter["missing"]) for letter in post.take()]
    assert told == [("ha ha ha", [2]), ("ha ", [1, 3])]


async def test_halves_of_a_character_are_not_joined_over_a_gap(post: Post) -> None:
    high, low = "😀".encode("utf-16-be")[:2], "😀".encode("utf-16-be")[2:]
    await post.bring(udh8(1, 3, high, data_coding=8), udh8(3, 3, low, data_coding=8))
    await post.wait(2 * DAY)
    assert "😀" not in post.texts()[0]


async def test_a_flood_of_half_messages_gives_out_the_oldest(
    post: Post, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(halves, "MOST_PIECES", 5)
    for reference in range(8):
        await post.bring(udh8(1, 2, b"%d" % reference, reference))
    assert post.texts() == ["0", "1", "2"]
    assert len(post.parts()) == 5


async def test_octets_are_limited_too(post: Post, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(halves, "MOST_OCTETS", 2000)
    for reference in range(4):
        await post.bring(payload(1, 2, b"%d" % reference * 400, reference))
    assert [text[0] for text in post.texts()] == ["0", "1"]


# ── the daemon dies ──────────────────────────────────────────────────────────────────────────


async def test_parts_outlive_the_daemon(post: Post) -> None:
    first, second, third = three()
    await post.bring(third)
    post.restart()
    await post.bring(first)
    post.restart()
    await post.bring(second)
    assert post.texts() == ["one two three"]
    post.restart()
    await post.wait(2 * DAY)
    assert post.take() == []


async def test_the_time_that_parts_wait_outlives_the_daemon(post: Post) -> None:
    await post.bring(udh8(2, 2, b"two"))
    post.now += DAY
    post.restart()
    await post.wait(60)
    assert [letter["received"] for letter in post.take()] == ["2026-11-21T10:59:00.250Z"]


class Crash(BaseException):
    """The daemon is gone."""


@pytest.fixture
def steps(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[int]]:
    """Everything that changes the disk, counted; the daemon dies at the step written here."""
    dies_at, step = [0], count(1)

    def mortal(function: Any) -> Any:
        def call(*arguments: Any, **more: Any) -> Any:
            if next(step) == dies_at[0]:
                raise Crash
            return function(*arguments, **more)

        return call

    for name in ("write_whole", "fsync_folder"):
        monkeypatch.setattr(sorting, name, mortal(getattr(sorting, name)))
    for name in ("unlink", "rename", "hardlink_to"):
        monkeypatch.setattr(Path, name, mortal(getattr(Path, name)))
    yield dies_at
    monkeypatch.undo()


@pytest.mark.parametrize("dies_at", range(1, 14))
async def test_death_at_any_step_neither_loses_a_message_nor_gives_it_twice(
    post: Post, steps: list[int], dies_at: int
) -> None:
    """What was not acknowledged comes again; what is in new/ is taken away at once."""
    steps[0] = dies_at
    texts: list[str] = []
    died = 0
    for part in three():
        try:
            await post.bring(part)
        except Crash:
            died += 1
            texts += _taken(post)
            post.restart()
            texts += _taken(post)
            await post.bring(part)
        texts += _taken(post)
    assert texts == ["one two three"]
    await post.wait(2 * DAY)
    assert _taken(post) == []
    assert post.parts() == []
    assert died == 1


def _taken(post: Post) -> list[str]:
    folder = post.root / "received" / "new"
    texts = [json.loads(path.read_bytes())["text"] for path in sorted(folder.iterdir())]
    for path in folder.iterdir():
        path.replace(post.root / path.name)
    return texts


# ── the disk fails ───────────────────────────────────────────────────────────────────────────


async def test_a_part_that_cannot_be_written_comes_again(post: Post) -> None:
    first, second, third = three()
    await post.bring(first)
    parts = post.root / "received" / "parts"
    parts.rename(post.root / "away")
    assert await post.bring(second, DeliverSm(**NAME, short_message=b"short")) == [False, True]
    assert await post.bring(third) == [False]
    (post.root / "away").rename(parts)
    assert await post.bring(second, third) == [True, True]
    assert sorted(post.texts()) == ["one two three", "short"]


async def test_a_joined_message_that_cannot_be_moved_yet_is_moved_later(post: Post) -> None:
    first, second, third = three()
    await post.bring(first, second)
    new = post.root / "received" / "new"
    new.rename(post.root / "away")
    assert await post.bring(third) == [True]
    (post.root / "away").rename(new)
    await post.wait(60)
    assert post.texts() == ["one two three"]
    assert post.parts() == []


async def test_a_file_that_is_no_part_is_left_alone(post: Post) -> None:
    await post.bring(udh8(1, 2, b"a"))
    (post.root / "received" / "parts" / "1-2-3-001.part").write_bytes(b"{")
    post.restart()
    await post.bring(udh8(2, 2, b"b"))
    assert post.texts() == ["ab"]
    assert post.parts() == ["1-2-3-001.part"]
    assert len(post.told) == 1


async def test_a_joined_message_is_noted_once_and_before_it_is_given_out(post: Post) -> None:
    *first, last = three()
    await post.bring(*first)
    assert post.noted == []
    await post.bring(last)
    (noted,) = post.noted
    (path,) = (post.root / "received" / "new").iterdir()
    assert (noted.name, noted.body) == (path.name, path.read_bytes())


async def test_killed_before_a_joined_message_is_noted_the_next_life_notes_it(post: Post) -> None:
    *first, last = three()
    await post.bring(*first)
    post.dies = True
    with pytest.raises(KilledError):
        await post.bring(last)
    assert post.take() == []
    post.dies = False
    post.restart()
    (noted,) = post.noted
    assert json.loads(noted.body)["text"] == "one two three"
    assert post.texts() == ["one two three"]
    post.restart()
    assert len(post.noted) == 1


async def test_a_message_that_is_given_up_is_noted(post: Post) -> None:
    await post.bring(three()[0])
    await post.wait(DAY + 11)
    (noted,) = post.noted
    assert json.loads(noted.body)["missing"] == [2, 3]
