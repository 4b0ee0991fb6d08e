"""Looking at a running daemon again and again, over its control socket: what its rates are, and what is wrong."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import msgspec

from smppd.cli.asking import ask_on
from smppd.cli.link_words import account_lines, link_lines
from smppd.figures import DaemonFigures
from smppd.vitals.picture import Picture, picture
from smppd.vitals.pulse import Pulse
from smppd.vitals.troubles import Trouble, of_late, undecided

#: Seconds between two looks, and for which an answer is waited for.
EVERY = 1.0
_PATIENCE = 2.0
_MOST_LOOKS = 6


class Watch:
    """Looks at a daemon, again and again."""

    def __init__(self, control: Path) -> None:
        self._control = control
        self._pulse = Pulse()
        self.figures: DaemonFigures

    def look(self) -> Picture:
        """How it stands now. Raises `CommandError` when it does not answer."""
        answer = ask_on(self._control, "status", _PATIENCE)
        self.figures = msgspec.convert(answer, DaemonFigures, strict=False)
        self._pulse.feel(self.figures)
        return self.picture()

    def look_well(self) -> Picture:
        """How it stands a second after it was looked at, or some more where one is too short to tell what is
        wrong."""
        seen = self.picture()
        for _ in range(_MOST_LOOKS):
            time.sleep(EVERY)
            seen = self.look()
            if not undecided(self.figures, self._pulse):
                break
        return seen

    def picture(self) -> Picture:
        """How it stood at the last look."""
        return picture(self.figures, self._pulse)

    def of_late(self) -> Iterator[Trouble]:
        """What is wrong with what flows."""
        return of_late(self.figures, self._pulse)

    def about(self, name: str) -> Iterator[str]:
        """All that is known of a link or account of this name."""
        for link in self.figures.links:
            if link.name == name:
                yield from link_lines(link, self.figures.now)
        for account in self.figures.accounts:
            if account.name == name:
                yield from account_lines(account, self.figures.now)
