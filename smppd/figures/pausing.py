"""What ends the pause of a link or account, for people."""

from __future__ import annotations


def cure_of_pause(name: str) -> str:
    """What is to be done about a pause of this one."""
    return f"when it is put right: smppd resume {name}"
