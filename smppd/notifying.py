"""What a service manager is told, as sd_notify(3) says: a datagram of lines to the socket it named.

Without such a socket nobody is told anything. Never waits and raises nothing: whoever must be sure
looks at what `tell` returns, and says it again.
"""

from __future__ import annotations

import os
import socket
from collections.abc import MutableMapping
from typing import Self

#: The variables of the environment that are for the service's first process alone.
_SOCKET, _WATCHDOG, _WATCHDOG_PID = "NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID"

#: Characters of a status: it is one line for people.
_STATUS_LIMIT = 600
_MICROSECONDS = 1_000_000


class Notifier:
    """Tells the manager that listens on `address` ("@" stands for the abstract namespace); "" for
    nobody. `watchdog`: seconds within which it wants to hear that all is well, None for never."""

    def __init__(self, address: str = "", watchdog: float | None = None) -> None:
        self.watchdog = watchdog if address else None
        self._address = f"\0{address[1:]}" if address.startswith("@") else address
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) if address else None

    @classmethod
    def from_environment(cls, environ: MutableMapping[str, str] = os.environ) -> Self:
        """As this process was told, which it keeps to itself: no child is to speak for it."""
        address = environ.pop(_SOCKET, "")
        usec, pid = environ.pop(_WATCHDOG, ""), environ.pop(_WATCHDOG_PID, "")
        ours = usec.isdecimal() and int(usec) and pid in ("", str(os.getpid()))
        return cls(address, int(usec) / _MICROSECONDS if ours else None)

    @property
    def listens(self) -> bool:
        """Whether there is anybody to tell."""
        return self._socket is not None

    def tell(self, *states: str, status: str | None = None) -> bool:
        """Tell these states ("READY=1"), and a status for people; False when it did not arrive."""
        if self._socket is None:
            return True
        lines = list(states)
        if status is not None:
            lines.append(f"STATUS={' '.join(status.split())[:_STATUS_LIMIT]}")
        octets = "\n".join(lines).encode(errors="replace")
        try:
            self._socket.sendto(octets, socket.MSG_DONTWAIT | socket.MSG_NOSIGNAL, self._address)
        except OSError:
            return False
        return True

    def close(self) -> None:
        """Nobody is told any more."""
        if self._socket is not None:
            self._socket.close()
            self._socket = None


def more_time(seconds: float) -> str:
    """The state that asks for so long, from now, before a start or a stop counts as failed."""
    return f"EXTEND_TIMEOUT_USEC={round(seconds * _MICROSECONDS)}"
