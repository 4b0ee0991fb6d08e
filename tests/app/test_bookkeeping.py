"""What is done again and again beside the traffic, and when."""

from __future__ import annotations

from typing import Any, cast
from unittest.mock import AsyncMock, Mock

import pytest
import trio
from trio.testing import MockClock

from smppd.app.bookkeeping import FORGETTING, MOST_COMMANDS, SETTLING, forget, keep_books, settled
from smppd.app.lateness import Lateness
from smppd.app.parts import Parts

NOW, DAY = 1_700_000_000.0, 86_400.0


@pytest.fixture
def parts() -> Mock:
    """Parts whose books are always due, and which note what they are asked."""
    parts = Mock()
    parts.desk.wall = lambda: NOW
    parts.desk.forget, parts.desk.checkpoint = AsyncMock(), AsyncMock()
    parts.desk.checkpoint_due.return_value = True
    parts.journal.forget_calls = AsyncMock(return_value=False)
    parts.journal.forget_commands = AsyncMock()
    parts.mailbox.tend = AsyncMock()
    parts.config.spool.dedupe_window = 7 * DAY
    parts.config.journal.api_history = 30 * DAY
    parts.config.retention.journal = 90 * DAY
    return parts


async def test_ids_calls_and_commands_are_forgotten_by_their_age_every_hour(
    parts: Mock, nursery: trio.Nursery, autojump_clock: MockClock
) -> None:
    parts.journal.forget_calls.side_effect = [True, True, False, False]  # there is more, twice
    nursery.start_soon(forget, cast(Parts, parts))
    await trio.sleep(FORGETTING / 2)
    parts.desk.forget.assert_awaited_once_with(7 * DAY)
    assert [call.args for call in parts.journal.forget_calls.await_args_list] == [
        (NOW - 30 * DAY,)
    ] * 3
    parts.journal.forget_commands.assert_awaited_once_with(NOW - 90 * DAY, MOST_COMMANDS)
    await trio.sleep(FORGETTING)
    assert parts.desk.forget.await_count == 2
    assert parts.journal.forget_commands.await_count == 2


async def test_of_a_journal_that_is_kept_for_ever_so_many_commands_are(
    parts: Mock, nursery: trio.Nursery, autojump_clock: MockClock
) -> None:
    parts.config.retention.journal = None
    nursery.start_soon(forget, cast(Parts, parts))
    await trio.sleep(1)
    parts.journal.forget_commands.assert_awaited_once_with(0.0, MOST_COMMANDS)


async def test_nothing_is_tidied_up_before_the_first_messages(
    parts: Mock, nursery: trio.Nursery, autojump_clock: MockClock
) -> None:
    told: list[Any] = []

    async def tidy() -> None:
        told.append(trio.current_time())

    nursery.start_soon(settled, tidy)
    nursery.start_soon(keep_books, cast(Parts, parts), Lateness(), lambda: told.append("sums"))
    await trio.sleep(SETTLING - 0.01)
    parts.desk.checkpoint.assert_not_awaited()
    assert set(told) == {"sums"}
    parts.receipts.write_owed.assert_called()
    parts.mailbox.tend.assert_awaited()
    await trio.sleep(SETTLING)
    parts.desk.checkpoint.assert_awaited()
    assert pytest.approx(SETTLING) in told
