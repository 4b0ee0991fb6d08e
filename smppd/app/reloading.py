"""Reload: the configuration is read again, and taken over whole or not at all.

SIGHUP and `smppd reload` come here. Raises nothing of its own; what the journal raises passes through.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import NamedTuple

import trio

from smppd.config import (
    Change,
    Config,
    Mistake,
    changes_between,
    load,
    read_secrets,
    refusals,
    secret_keys,
)
from smppd.events import ConfigReloaded, Emit, ReloadRefused
from smppd.figures import ConfigFigures
from smppd.spool.intake import RunSync


class Loaded(NamedTuple):
    """A configuration without a mistake, and its secrets by their names."""

    config: Config
    secrets: dict[str, str]


class Wanted(NamedTuple):
    """What is to be taken over. `secrets_changed`: the names of links and others with another one."""

    config: Config
    secrets: dict[str, str]
    changes: list[Change]
    secrets_changed: frozenset[str]


class Surround(NamedTuple):
    """What reloading needs of the daemon. `wall` gives epoch seconds; `told` is called with True when
    a reload begins and with False when it is over, for whoever tells a service manager."""

    emit: Emit
    wall: Callable[[], float]
    run_sync: RunSync
    told: Callable[[bool], None] = lambda _: None


class Reloading:
    """Reads anew, refuses or has `apply` take over, which may still find mistakes. One reload at a time, and none but between `open`
    and `close`."""

    def __init__(
        self,
        now: Loaded,
        apply: Callable[[Wanted], Awaitable[list[Mistake]]],
        around: Surround,
    ) -> None:
        self._now = now
        self._apply = apply
        self._around = around
        self._turn = trio.Lock()
        self._closed = "is starting: reload again when it has started"
        file = now.config.file
        self.figures = ConfigFigures("" if file is None else str(file), around.wall())

    def open(self) -> None:
        """Everything runs that may be changed."""
        self._closed = ""

    async def close(self) -> None:
        """On return no reload is under way, and none will be."""
        async with self._turn:
            self._closed = "is stopping, and takes no other configuration over"

    async def reload(self, who: str) -> list[Change] | list[Mistake]:
        """What has changed, or every mistake for which nothing has."""
        async with self._turn:
            self._around.told(True)
            try:
                found = await self._wanted()
                if isinstance(found, Wanted):
                    # What is begun is ended: a daemon that stops finds it whole.
                    with trio.CancelScope(shield=True):
                        mistakes = await self._apply(found)
                    if not mistakes:
                        return self._taken_over(found, who)
                    found = mistakes
                return self._refuse(found, who)
            finally:
                self._around.told(False)

    async def _wanted(self) -> Wanted | list[Mistake]:
        file = self._now.config.file
        if self._closed:
            return [Mistake("smppd", self._closed)]
        if file is None:
            return [Mistake("smppd", "was started without a file, so there is none to read again")]
        found = await self._around.run_sync(read_again, file)
        return found if isinstance(found, list) else wanted_of(self._now, found)

    def _taken_over(self, wanted: Wanted, who: str) -> list[Change]:
        self._now = Loaded(wanted.config, wanted.secrets)
        figures = self.figures
        figures.loaded, figures.refused, figures.refused_at = self._around.wall(), [], None
        figures.reloads += 1
        told = ", ".join(map(str, wanted.changes)) or "nothing"
        self._around.emit(ConfigReloaded(figures.file, told, who))
        return wanted.changes

    def _refuse(self, mistakes: list[Mistake], who: str) -> list[Mistake]:
        self.figures.refused = list(map(str, mistakes))
        self.figures.refused_at = self._around.wall()
        for mistake in mistakes:
            self._around.emit(ReloadRefused(str(mistake), who))
        return mistakes


def wanted_of(now: Loaded, found: Loaded) -> Wanted | list[Mistake]:
    """What is to be taken over to have this, or why it cannot be while the daemon runs. Pure."""
    changes = changes_between(now.config, found.config)
    if refused := refusals(changes, found.config):
        return refused
    before, after = now.secrets, found.secrets
    changed = frozenset(name for name in after if before.get(name, after[name]) != after[name])
    keys = secret_keys(found.config)
    changes += [Change(keys[name], "*", None) for name in sorted(changed)]
    return Wanted(found.config, found.secrets, changes, changed)


def read_again(file: Path) -> Loaded | list[Mistake]:
    """The configuration in this file with its secrets, or every mistake."""
    config = load(file)
    if isinstance(config, list):
        return config
    secrets = read_secrets(config)
    return secrets if isinstance(secrets, list) else Loaded(config, secrets)
