"""What an outlet gives up is on disk, whole, before it is gone on."""

from __future__ import annotations

import json
import resource
from typing import TYPE_CHECKING, Any

import trio
import trio.testing

from smppd.outlets.aside import Undelivered
from smppd.outlets.happenings import Happening

if TYPE_CHECKING:
    from pathlib import Path

    from trio.testing import MockClock


async def inline(function: Any, *given: Any) -> Any:
    await trio.lowlevel.checkpoint()
    return function(*given)


def happening(seq: int) -> Happening:
    octets = json.dumps({"seq": seq, "pad": "x" * 100}).encode()
    return Happening(seq, 0, "sent", seq, 0.0, octets)


async def test_a_disk_that_takes_a_part_only_is_tried_again_and_no_line_is_half(
    tmp_path: Path, autojump_clock: MockClock
) -> None:
    aside, told = Undelivered(tmp_path, "webhook:crm", inline, lambda _: None), list[int]()
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    await aside.put([happening(1)], "test")
    try:
        resource.setrlimit(resource.RLIMIT_FSIZE, (300, limits[1]))
        async with trio.open_nursery() as nursery:

            async def put() -> None:
                await aside.put([happening(2), happening(3)], "test")
                told.append(aside.count)

            nursery.start_soon(put)
            await trio.sleep(25)
            assert told == []
            assert len((tmp_path / "crm.undelivered.jsonl").read_bytes().splitlines()) == 1
            resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    lines = (tmp_path / "crm.undelivered.jsonl").read_text().splitlines()
    assert [json.loads(line)["seq"] for line in lines] == [1, 2, 3]
    assert told == [3]
