from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.outlets.rig import Rig, rigged


@pytest.fixture
def rig(tmp_path: Path) -> Iterator[Rig]:
    with rigged(tmp_path) as found:
        yield found
