"""Who is connected to the simulated SMSC: connections, and the accounts they are bound to.

Plain data that the other parts share. `stirred` says that there is something to do for it: to
write on a connection, to fill the windows of an account. Raises nothing.
"""

from __future__ import annotations

from smppd.simulate.chance import Throttle
from smppd.simulate.mailbox import Mailbox
from smppd.smpp.session import Session


class Account:
    """All that one system_id has here, however often it is bound."""

    __slots__ = ("mailbox", "name", "sessions", "stirred", "throttle")

    def __init__(self, name: str, mailbox: Mailbox, throttle: Throttle) -> None:
        self.name = name
        self.mailbox = mailbox
        self.throttle = throttle
        #: How many connections are bound to it.
        self.sessions = 0
        self.stirred = False


class Connection:
    """One TCP connection. `over`: nothing that arrives counts any more; `deaf`: and the peer is
    not told, not even by closing; `dropped`: what was not written yet must not be."""

    __slots__ = ("account", "deaf", "dropped", "over", "session", "stirred", "submits")

    def __init__(self, session: Session) -> None:
        self.session = session
        self.account: Account | None = None
        self.submits = 0
        self.over = False
        self.deaf = False
        self.dropped = False
        self.stirred = False
