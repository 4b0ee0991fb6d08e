"""Asking a running daemon, from another process. Blocks for as long as it may wait, and no longer."""

from __future__ import annotations

import contextlib
import os
import socket
import time
from pathlib import Path
from typing import Any

import msgspec

from smppd.control.command import ControlRefused

_READ_OCTETS = 65536


class ControlUnavailable(Exception):  # noqa: N818 - a state of affairs, read as a sentence
    """No daemon answered; the text says why and what to do.

    `heard`: the command was sent, so it may be done. `nobody`: no daemon listens at all. `barred`: this
    user may not ask, so nobody knows.
    """

    def __init__(
        self, text: str, *, heard: bool = False, nobody: bool = False, barred: bool = False
    ) -> None:
        super().__init__(text)
        self.heard = heard
        self.nobody = nobody
        self.barred = barred


def ask(path: str | Path, command: str, /, timeout: float = 10.0, **args: Any) -> dict[str, Any]:
    """Send a command to the daemon that listens on `path`; its result, within `timeout` seconds."""
    deadline = time.monotonic() + timeout
    try:
        request = msgspec.json.encode({"command": command, **args}) + b"\n"
    except UnicodeEncodeError as mistake:
        raise ControlRefused(f"{mistake.object!r} is not UTF-8") from None
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
        connection.settimeout(timeout)
        _connect(connection, path, timeout)
        try:
            with contextlib.suppress(BrokenPipeError, ConnectionResetError):
                connection.sendall(request)  # refused before it was read; the answer says why
            line = _receive_line(connection, deadline)
        except TimeoutError:
            raise ControlUnavailable(_too_slow(path, timeout), heard=True) from None
        except OSError as failure:
            why = f"cannot ask the daemon on {path}: {failure}"
            raise ControlUnavailable(why, heard=True) from None
    return _result(path, line)


def _connect(connection: socket.socket, path: str | Path, timeout: float) -> None:
    try:
        connection.connect(os.fspath(path))
    except TimeoutError:
        raise ControlUnavailable(_too_slow(path, timeout)) from None
    except PermissionError:
        raise ControlUnavailable(
            f"this user may not read or write {path}; use sudo, or join the socket's group",
            barred=True,
        ) from None
    except (FileNotFoundError, ConnectionRefusedError, NotADirectoryError):
        raise ControlUnavailable(
            f"no daemon listens on {path}: start it (systemctl start smppd), or name the"
            " configuration of the one that runs with --config",
            nobody=True,
        ) from None
    except BlockingIOError:
        why = "as many wait for it already as may: is it stuck? Its log says why it takes no more"
        raise ControlUnavailable(f"the daemon on {path} takes no more connections, {why}") from None
    except OSError as failure:
        raise ControlUnavailable(f"cannot ask the daemon on {path}: {failure}") from None


def _too_slow(path: str | Path, timeout: float) -> str:
    return f"the daemon on {path} did not answer within {timeout:g} s; it may be busy, or stuck or stopped"


def _receive_line(connection: socket.socket, deadline: float) -> bytes:
    received = bytearray()
    while not received.endswith(b"\n"):
        left = deadline - time.monotonic()
        if left <= 0:
            raise TimeoutError
        connection.settimeout(left)
        octets = connection.recv(_READ_OCTETS)
        if not octets:
            break
        received += octets
    return bytes(received)


def _result(path: str | Path, line: bytes) -> dict[str, Any]:
    if not line:
        raise ControlUnavailable(
            f"the daemon on {path} closed the connection without an answer; it may be stopping",
            heard=True,
        )
    try:
        answer = msgspec.json.decode(line, type=dict[str, Any])
    except (ValueError, RecursionError):
        answer = {}
    match answer:
        case {"ok": True, "result": dict() as result}:
            return result
        case {"ok": False, "error": str() as error}:
            raise ControlRefused(error, fault=bool(answer.get("fault")))
    raise ControlUnavailable(f"what answers on {path} does not speak as smppd does", heard=True)
