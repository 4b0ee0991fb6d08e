"""What tests of a link share."""

from __future__ import annotations

import pytest
import trio

from tests.link.rig import Rig


@pytest.fixture
async def rig(nursery: trio.Nursery) -> Rig:
    """Tests that use it ask for `autojump_clock` as well, for time is virtual."""
    assert trio.current_time() == 0
    return Rig(nursery)
