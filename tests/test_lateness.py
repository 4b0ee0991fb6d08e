"""How late the event loop is, told by the loop itself."""

from __future__ import annotations

import pytest
import trio
import trio.testing

from smppd.app.lateness import Lateness


async def test_what_keeps_the_loop_to_itself_is_felt(mock_clock: trio.testing.MockClock) -> None:
    lateness = Lateness()
    async with trio.open_nursery() as nursery:
        for _ in range(2):
            nursery.start_soon(lateness.sleep, 0.25)
            await trio.testing.wait_all_tasks_blocked()
            mock_clock.jump(0.25)  # in time
            await trio.testing.wait_all_tasks_blocked()
        assert lateness.figures().most == 0.0
        nursery.start_soon(lateness.sleep, 0.25)
        await trio.testing.wait_all_tasks_blocked()
        mock_clock.jump(0.25 + 0.4)  # nobody else had a turn for so long
    figures = lateness.figures()
    assert figures.most == pytest.approx(0.4)
    assert sum(figures.delay.counts) == 3
    assert figures.delay.total == pytest.approx(0.4)
