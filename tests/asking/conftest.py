"""The whole daemon, on virtual time, before SMSCs that are asked about messages they took."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
import trio

from smppd.pipeline.cancellation import Fate
from tests.pitfalls.rig import BOOKKEEPING, Rig


@pytest.fixture
async def rig(nursery: trio.Nursery, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Rig:
    """A daemon that has not started yet."""
    monkeypatch.setattr("smppd.app.BOOKKEEPING", BOOKKEEPING)
    return Rig(nursery, tmp_path)


@pytest.fixture
def cancel(rig: Rig) -> Callable[..., Awaitable[list[Fate]]]:
    """Cancels messages by their client ids, as the control socket does; their fates by id."""

    async def ask(*ids: str, patience: float = 5.0) -> list[Fate]:
        wanted: list[dict[str, Any]] = []
        for id_ in ids:
            msg_id, keys = rig.known_as(id_)
            wanted.append({"msg_id": msg_id, "keys": keys})
        asked = {"messages": wanted, "who": "ana", "patience": patience}
        answer = await rig.daemon._cancel(asked)
        fates = {fate.msg_id: fate for fate in answer["messages"]}
        return [fates[each["msg_id"]] for each in wanted]

    return ask
