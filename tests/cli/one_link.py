"""A configuration with one link, for commands that need no more; paths are beside it."""

from __future__ import annotations

from pathlib import Path

import pytest

CONFIG = """
[spool]
path = "spool"
default_country = "34"

[journal]
path = "journal.db"

[link.main]
host = "127.0.0.1"
system_id = "acme"
password_env = "SMPPD_TEST_PASSWORD"

[observe]
listen = ""
control = "control.sock"
"""


def configure(folder: Path, monkeypatch: pytest.MonkeyPatch, more: str = "") -> None:
    """Write it into the folder, for commands to find it in the environment."""
    file = folder / "smppd.toml"
    file.write_text(CONFIG + more)
    monkeypatch.setenv("SMPPD_CONFIG", str(file))
