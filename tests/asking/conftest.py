"""The whole daemon, on virtual time, before SMSCs that are asked about messages they took."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from smppd.pipeline.cancellation import Fate
from tests.pitfalls.conftest import rig
from tests.pitfalls.rig import Rig

__all__ = ["cancel", "rig"]


@pytest.fixture
def cancel(rig: Rig) -> Callable[..., Awaitable[list[Fate]]]:
    """Cancels messages by their client ids, as the control socket does; their fates by id."""

    async def ask(*ids: str, patience: float = 5.0) -> list[Fate]:
        wanted: list[dict[str, Any]] = []
        for id_ in ids:
            msg_id, keys = rig.known_as(id_)
            wanted.append({"msg_id": msg_id, "keys": keys})
        answer = await rig.command("cancel", messages=wanted, who="ana", patience=patience)
        fates = {fate.msg_id: fate for fate in answer["messages"]}
        return [fates[each["msg_id"]] for each in wanted]

    return ask
