"""The Debian package, built once."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.packaging.building import build


@pytest.fixture(scope="session")
def package(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The package of this checkout."""
    base = tmp_path_factory.getbasetemp()
    return build((base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / "deb")
