"""What `check` and `doctor` find: one line for each thing looked at."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from smppd.cli.terminal import Terminal


class Finding(msgspec.Struct, frozen=True):
    """One thing that was looked at; `says` is what was found, with the cure if it is wrong.

    `doubtful`: it works, and should not stay so."""

    what: str
    ok: bool
    says: str
    doubtful: bool = False

    @property
    def line(self) -> str:
        """It in one line, for people."""
        return f"{self.what}: {' '.join(self.says.split())}"


def tell(findings: Iterable[Finding], terminal: Terminal) -> None:
    """One line for each, what is wrong or doubtful marked."""
    for each in findings:
        mark = "problem" if not each.ok else "warning" if each.doubtful else "ok"
        terminal.say(f"{mark:<8} {each.line}")
