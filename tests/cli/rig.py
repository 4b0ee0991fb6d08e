"""A real daemon on its control socket, whose accounts lead to a simulated provider."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import trio

from smppd.app import Daemon, Surroundings
from smppd.config import Config, load
from smppd.events import DaemonStarted, Event
from tests.httpapi.simulated import SimulatedTransport, simulated

CONFIG = """
[spool]
path = "spool"

[journal]
path = "journal.db"

[http.first]
url = "http://127.0.0.1:9/api/http/"
user = "me@example.net"
password_env = "SMPPD_TEST_PASSWORD"

[http.second]
url = "http://127.0.0.1:9/api/http/"
user = "you@example.net"
password_env = "SMPPD_TEST_PASSWORD"

[contacts.book]
url = "http://127.0.0.1:9"
token_env = "SMPPD_TEST_TOKEN"

[observe]
listen = ""
control = "control.sock"
"""
PASSWORD, TOKEN = "s3cret word", "t0ken"
SECRETS = {"first": PASSWORD, "second": PASSWORD, "book": TOKEN}
#: A script with these users, and groups 1 and 2.
HTTP: dict[str, Any] = {
    "account": [
        {"user": "me@example.net", "password": PASSWORD},
        {"user": "you@example.net", "password": PASSWORD},
    ],
    "token": TOKEN,
    "group": [{"id": "1", "fields": ["mobile", "name"]}],
}
PATIENCE = 20.0


def read(folder: Path) -> Config:
    """The configuration, written into the folder."""
    file = folder / "smppd.toml"
    file.write_text(CONFIG)
    found = load(file)
    assert isinstance(found, Config), found
    return found


@contextmanager
def running(folder: Path, **http: Any) -> Iterator[SimulatedTransport]:
    """Run a daemon in a thread, with a provider of such a script; the way to the provider."""
    transport = simulated(http=HTTP | http)
    with living(read(folder), SECRETS, Surroundings(transport=transport)):
        yield transport


@contextmanager
def living(config: Config, secrets: dict[str, str], around: Surroundings) -> Iterator[None]:
    """Run a daemon in a thread."""
    ready = threading.Event()
    lives: list[tuple[trio.lowlevel.TrioToken, Daemon]] = []

    def observe(event: Event) -> None:
        if isinstance(event, DaemonStarted):
            ready.set()

    async def live() -> None:
        with Daemon(config, secrets, observe, around) as daemon:
            lives.append((trio.lowlevel.current_trio_token(), daemon))
            await daemon.run(signals=False)

    thread = threading.Thread(target=trio.run, args=(live,))
    thread.start()
    try:
        assert ready.wait(PATIENCE), "the daemon does not come up"
        yield
    finally:
        token, daemon = lives[0]
        trio.from_thread.run_sync(daemon.request_stop, "the end", trio_token=token)
        thread.join(PATIENCE)
