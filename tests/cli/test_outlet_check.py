"""What `check` says of webhooks and hooks."""

from __future__ import annotations

from pathlib import Path

import pytest

from smppd.cli import main

CONFIG = """
[spool]
path = "spool"
[journal]
path = "j.db"
[link.main]
host = "127.0.0.1"
system_id = "a"
password_file = "secret"
[observe]
listen = ""
control = "c.sock"
[webhook.shop]
url = "http://127.0.0.1:1/x"
secret_file = "{secret}"
[hook.crm]
command = ["{command}"]
"""


def checked(
    folder: Path, capsys: pytest.CaptureFixture[str], secret: str, command: Path
) -> tuple[int, str]:
    (folder / "secret").write_text("hush")
    (folder / "c.toml").write_text(CONFIG.format(secret=secret, command=command))
    code = main(["--config", str(folder / "c.toml"), "check"])
    return code, capsys.readouterr().out


def test_what_outlets_lead_to_is_looked_at(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    command = tmp_path / "on-event"
    code, said = checked(tmp_path, capsys, "secret", command)
    assert code == 1
    assert f"there is no file {command}" in said
    command.write_text("#!/bin/sh\n")
    command.chmod(0o755)
    code, said = checked(tmp_path, capsys, "secret", command)
    assert code == 0
    assert "webhook shop, secret: is in" in said
    assert f"hook crm, command: is {command}" in said
    assert "hush" not in said
    code, said = checked(tmp_path, capsys, "nowhere", command)
    assert code == 2
    assert "webhook.shop.secret_file" in said
