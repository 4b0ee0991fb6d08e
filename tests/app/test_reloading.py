"""Reload: whole or not at all, one at a time, and only while everything runs."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import pytest
import trio
import trio.testing

from smppd.app.reloading import Loaded, Reloading, Surround, Wanted, read_again
from smppd.config import Mistake
from smppd.events import ConfigReloaded, Event, ReloadRefused

T = TypeVar("T")

TEXT = """
[link.main]
host = "smpp.example.net"
system_id = "acme"
password_file = "password"
"""


class Rig:
    """A file, and what is made of it when it changes."""

    def __init__(self, folder: Path) -> None:
        self.file = folder / "smppd.toml"
        self.file.write_text(TEXT)
        (folder / "password").write_text("secret")
        self.told: list[Event] = []
        self.spans: list[bool] = []
        self.applied: list[Wanted] = []
        self.mistakes: list[Mistake] = []
        self.hold = trio.Event()
        self.hold.set()
        loaded = read_again(self.file)
        assert isinstance(loaded, Loaded)
        around = Surround(self.told.append, lambda: 7.0, _at_once, self.spans.append)
        self.reloading = Reloading(loaded, self._apply, around)

    async def _apply(self, wanted: Wanted) -> list[Mistake]:
        await self.hold.wait()
        self.applied.append(wanted)
        return self.mistakes


async def _at_once(sync_fn: Callable[..., T], *args: object) -> T:
    await trio.lowlevel.checkpoint()
    return sync_fn(*args)


@pytest.fixture
def rig(tmp_path: Path) -> Rig:
    return Rig(tmp_path)


async def test_what_has_changed_is_applied_once_and_told(rig: Rig) -> None:
    rig.reloading.open()
    rig.file.write_text(TEXT + "window = 20\n")
    assert [str(each) for each in await rig.reloading.reload("me")] == ["link.main.window 10 -> 20"]
    assert await rig.reloading.reload("me") == []
    assert [len(each.changes) for each in rig.applied] == [1, 0]
    assert rig.told[0] == ConfigReloaded(str(rig.file), "link.main.window 10 -> 20", "me")
    assert rig.spans == [True, False, True, False]
    assert rig.reloading.figures.reloads == 2


async def test_another_password_is_a_change_and_stands_in_no_word_of_it(rig: Rig) -> None:
    rig.reloading.open()
    (rig.file.parent / "password").write_text("swrdfish")
    assert [str(each) for each in await rig.reloading.reload("me")] == [
        "link.main.password changed"
    ]
    assert rig.applied[0].secrets_changed == {"main"}
    assert "swrdfish" not in str(rig.told)


async def test_nothing_is_applied_for_a_mistake(rig: Rig) -> None:
    rig.reloading.open()
    rig.file.write_text(TEXT + "window = 0\nfrmo = 1\n")
    found = await rig.reloading.reload("me")
    assert len(found) == 2
    assert rig.applied == []
    assert [type(each) for each in rig.told] == [ReloadRefused] * 2
    assert rig.reloading.figures.refused == [str(each) for each in found]
    assert rig.reloading.figures.refused_at == 7.0
    rig.file.unlink()
    (gone,) = await rig.reloading.reload("me")
    assert isinstance(gone, Mistake)
    assert "cannot be read" in gone.problem


async def test_before_all_runs_and_while_it_ends_nothing_is_taken_over(rig: Rig) -> None:
    rig.file.write_text(TEXT + "window = 20\n")
    assert "is starting" in str(*await rig.reloading.reload("me"))
    rig.reloading.open()
    await rig.reloading.close()
    assert "is stopping" in str(*await rig.reloading.reload("me"))
    assert rig.applied == []


async def test_whoever_stops_waits_for_a_reload_that_was_begun_and_a_cancel_leaves_it_whole(
    rig: Rig,
) -> None:
    rig.reloading.open()
    rig.file.write_text(TEXT + "window = 20\n")
    rig.hold = trio.Event()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(rig.reloading.reload, "me")
        await trio.testing.wait_all_tasks_blocked()
        nursery.start_soon(rig.reloading.close)
        nursery.cancel_scope.cancel()
        rig.hold.set()
    assert len(rig.applied) == 1
