"""A daemon that is reloaded, and the SMSCs of its links, as processes of their own."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from smppd.control import ask
from tests.processes import simulator

if TYPE_CHECKING:
    from tests.e2e.conftest import Daemon, DaemonFactory, Smsc, SmscFactory

SPARE = """
[link.spare]
host = "127.0.0.1"
port = {port}
# spare
system_id = "peer"
password_file = "password"
reconnect_min = "50ms"
"""

ROUTE = """
[[routing.route]]
name = "all"
links = {links}
failover_after = "300ms"
"""
ALONE = ROUTE.format(links='["main"]')
SHARED = ROUTE.format(links='["main", "spare"]\nweights = [1, 1]')


def reload(daemon: Daemon, text: str = "") -> list[str]:
    """Have it read its configuration again, as `text` if it is another; what it says has changed."""
    if text:
        daemon.config.write_text(text)
    answer = ask(daemon.control, "reload")
    assert answer["refused"] == []
    changed: list[str] = answer["changed"]
    return changed


class Centre:
    """A simulated SMSC, and what it has taken by its end."""

    def __init__(self, factory: SmscFactory, tally: Path, *options: str) -> None:
        self.tally = tally
        self.smsc: Smsc = factory(simulator(f"--tally-file={tally}", *options))
        self.port = self.smsc.port

    def taken(self) -> set[str]:
        """What it had taken, each once; it ends by this."""
        self.smsc.stop()
        found: dict[str, Any] = json.loads(self.tally.read_text())
        assert found["taken_twice"] == 0
        return set(found["messages"])


class Site:
    """A daemon with the SMSC of its link `main`; `plain` is the configuration with which it started."""

    daemon: Daemon
    main: Centre
    plain: str

    def __init__(self, smscs: SmscFactory, daemons: DaemonFactory, folder: Path) -> None:
        self._smscs = smscs
        self._daemons = daemons
        self.folder = folder

    def centre(self, name: str, *options: str) -> Centre:
        """Another SMSC."""
        return Centre(self._smscs, self.folder / f"{name}.json", *options)

    def open(self, *options: str, start: bool = True, bound: bool = True, **keys: Any) -> Daemon:
        """The daemon; `options` are those of its SMSC, `keys` those of `DaemonFactory`."""
        self.main = self.centre("main", *options)
        self.daemon = self._daemons(self.main.port, **keys)
        self.plain = self.daemon.config.read_text()
        if start:
            self.daemon.start(bound=bound)
        return self.daemon

    def reload(self, text: str = "") -> list[str]:
        """Have it read its configuration again, as `text` if it is another; what it says has changed."""
        return reload(self.daemon, text)

    def end(self) -> None:
        """Whatever still runs ends as it should."""
        if self.daemon.program.running:
            self.daemon.terminate()
        if self.main.smsc.program.running:
            self.main.smsc.stop()
