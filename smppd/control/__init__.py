"""The control socket: how `status`, `requeue` and others ask a running daemon.

One JSON object per line each way over a Unix socket: {"command": "status", …} is answered with
{"ok": true, "result": …} or {"ok": false, "error": "one line"}. Nothing here knows any command;
the server is given them, and who may give which (`peers`). Whether a command that was not answered
may have been done is said by `ControlUnavailable.heard`.
"""

from __future__ import annotations

from smppd.control.asking import ControlUnavailable, ask
from smppd.control.command import Arguments, Command, ControlRefused
from smppd.control.serving import READ_TIMEOUT, serve_control

__all__ = [
    "READ_TIMEOUT",
    "Arguments",
    "Command",
    "ControlRefused",
    "ControlUnavailable",
    "ask",
    "serve_control",
]
