"""Who may write what the daemon has made: nobody else, however careless the umask."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

from smppd.config import EventsConfig
from tests.pitfalls.delivering import deliver, sent
from tests.pitfalls.raw import message, receipt
from tests.pitfalls.rig import Rig

if TYPE_CHECKING:
    from trio.testing import MockClock


@pytest.fixture
def careless() -> Iterator[None]:
    before = os.umask(0)
    yield
    os.umask(before)


@pytest.mark.usefixtures("careless")
async def test_a_group_may_forge_no_result_whatever_the_umask(
    rig: Rig, autojump_clock: MockClock
) -> None:
    await rig.start(sections={"events": EventsConfig(stream=True)})
    name = await sent(rig, "7")
    await deliver(rig, receipt("7"))
    await deliver(rig, message(b"Hola"))
    (rig.root / "inbox" / "bad.xyz").write_text("of no kind")
    await rig.until(lambda: bool(list(rig.root.glob("bad/*/*.error.json"))))
    await rig.until(lambda: bool(list(rig.root.glob(f"done/*/{name}.report.json"))))
    await rig.until(lambda: bool(list(rig.root.glob("received/new/*"))))
    await rig.until(lambda: bool(list(rig.root.glob("events/*.jsonl"))))
    made = [
        path
        for path in rig.root.rglob("*")
        if path.is_file() and path.name not in {name, "bad.xyz"}
    ]
    assert {path.parts[len(rig.root.parts)] for path in made} >= {
        *("done", "bad", "received", "receipts", "events")
    }
    assert [path for path in made if path.stat().st_mode & 0o027] == []
