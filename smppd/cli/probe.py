"""One bind, to see whether it works: connect, bind as configured, unbind.

Nothing is submitted. What the SMSC delivers meanwhile is refused for now, so that it comes again
to the daemon. Raises nothing; the outcome is a finding.
"""

from __future__ import annotations

from collections import deque
from time import gmtime, strftime

import trio

from smppd.cli.findings import Finding
from smppd.config import LinkConfig
from smppd.link.dial import NEVER_BOUND, Dialler, Unreachable, broken, written
from smppd.link.refusals import bind_hint
from smppd.link.tls import certificate_expiry, looks_like
from smppd.link.translate import bind_request
from smppd.smpp.session import (
    BindRefused,
    Bound,
    Closed,
    Event,
    Limits,
    RequestReceived,
    Role,
    Session,
)
from smppd.smpp.vocabulary import CommandStatus, status_name

_READ_SIZE = 65536
#: How long the unbind may take, in seconds.
_PARTING = 5.0


async def try_bind(link: LinkConfig, host: str, port: int, password: str, bind: str) -> Finding:
    """Bind once at one host of a link, as one of its `binds`."""
    as_half = f" as {bind}" if len(link.binds) > 1 else ""
    what = f"link {link.name}, bind at {written(host, port)}{as_half}"
    stream = await Dialler(link).open(host, port)
    if isinstance(stream, Unreachable):
        return Finding(what, False, stream.reason)
    now = trio.current_time()
    limits = Limits(window=link.window, bind_timeout=link.bind_timeout, unbind_timeout=_PARTING)
    session = Session(Role.ESME, limits, now)
    async with stream:
        talk = Conversation(stream, session)
        request = bind_request(link, password, bind)
        session.bind(request, now, long_credentials=link.long_credentials)
        outcome = await talk.bound()
        if isinstance(outcome, Bound):
            await talk.leave()
            return Finding(what, True, f"{_bound(bind, outcome)}, and unbound{_safely(stream)}")
    return Finding(what, False, why_not(outcome, talk.first, link))


class Conversation:
    """A session over a stream, one event after the other. What an SMSC asks is refused for now, so
    that it asks the daemon again; `first` are the first octets that came."""

    def __init__(self, stream: trio.abc.Stream, session: Session) -> None:
        self.stream = stream
        self.session = session
        self.first = b""
        self._events: deque[Event] = deque()

    async def next(self) -> Event:
        """What happens next; `Closed` is the last."""
        while True:
            while not self._events:
                self._events.extend(await self._exchange())
            event = self._events.popleft()
            if not isinstance(event, RequestReceived):
                return event
            self.session.respond(event, status=CommandStatus.ESME_RX_T_APPN)

    async def bound(self) -> Bound | BindRefused | Closed:
        """How the bind, or else the session, ends."""
        while True:
            event = await self.next()
            if isinstance(event, Bound | BindRefused | Closed):
                return event

    async def leave(self) -> None:
        """Unbind, and wait for the end."""
        self.session.unbind(trio.current_time())
        while not isinstance(await self.next(), Closed):
            pass

    async def _exchange(self) -> list[Event]:
        """Write what is to be written, then wait for octets or for a timer."""
        try:
            data = self.session.data_to_send()
            if data:
                await self.stream.send_all(data)
            received = None
            with trio.CancelScope(deadline=self.session.deadline()):
                received = bytes(await self.stream.receive_some(_READ_SIZE))
        except trio.BrokenResourceError as error:
            why = broken(error)
            return self.session.abort(f"the connection broke: {why}", trio.current_time())
        now = trio.current_time()
        if received is None:
            return self.session.tick(now)
        self.first = self.first or received[:4]
        return (
            self.session.receive_data(received, now) if received else self.session.receive_eof(now)
        )


def _bound(bind: str, outcome: Bound) -> str:
    return f'bound as {bind} to "{getattr(outcome.pdu, "system_id", "")}"'


def _safely(stream: trio.abc.Stream) -> str:
    """What TLS there was."""
    if not isinstance(stream, trio.SSLStream):
        return ""
    expires = certificate_expiry(stream)
    if expires is None:
        return f"; {stream.version()}, and nobody knows with whom: tls_verify = false"
    until = strftime("%Y-%m-%d", gmtime(expires))
    return f"; {stream.version()}, the SMSC's certificate is valid until {until}"


def why_not(outcome: Event, first: bytes, link: LinkConfig) -> str:
    """Why a bind came to nothing, with the cure; `first` are the first octets that came."""
    if isinstance(outcome, BindRefused):
        hint = bind_hint(outcome.status, link.bind_status)
        return f"refused with {status_name(outcome.status)}: {hint}"
    reason = outcome.reason if isinstance(outcome, Closed) else "it came to no end"
    return f"no answer to the bind: {reason}: {looks_like(first) or NEVER_BOUND}"
