"""Prometheus and its promtool, where they are: on the path, or where $PROMTOOL names one of them."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

PROMTOOL = os.environ.get("PROMTOOL") or shutil.which("promtool")

#: It comes in the same package.
PROMETHEUS = shutil.which("prometheus") or (
    PROMTOOL and shutil.which("prometheus", path=Path(PROMTOOL).parent)
)

needs_promtool = pytest.mark.skipif(
    PROMTOOL is None,
    reason="promtool, of Debian's package prometheus, is not here, and $PROMTOOL does not name it",
)


def promtool(*words: str, given: str = "", folder: Path | None = None) -> str:
    """What it says to this; it must find nothing wrong."""
    assert PROMTOOL is not None
    done = subprocess.run(
        [PROMTOOL, *words],
        input=given,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        cwd=folder,
    )
    said = done.stdout + done.stderr
    assert done.returncode == 0, said
    return said
