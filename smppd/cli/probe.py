"""One bind, to see whether it works: connect, bind as configured, unbind.

Nothing is submitted. What the SMSC delivers meanwhile is refused for now, so that it comes again
to the daemon. Raises nothing; the outcome is a finding.
"""

from __future__ import annotations

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
        wire = _Wire(stream)
        request = bind_request(link, password, bind)
        session.bind(request, now, long_credentials=link.long_credentials)
        outcome = await _converse(wire, session)
        if isinstance(outcome, Bound):
            session.unbind(trio.current_time())
            await _converse(wire, session)
            return Finding(what, True, f"{_bound(bind, outcome)}, and unbound{_safely(stream)}")
    return Finding(what, False, _why_not(outcome, wire.first, link))


class _Wire:
    """A stream, and the first octets that came from it."""

    def __init__(self, stream: trio.abc.Stream) -> None:
        self.stream = stream
        self.first = b""

    async def receive(self) -> bytes:
        data = bytes(await self.stream.receive_some(_READ_SIZE))
        self.first = self.first or data[:4]
        return data


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


def _why_not(outcome: Event, first: bytes, link: LinkConfig) -> str:
    if isinstance(outcome, BindRefused):
        hint = bind_hint(outcome.status, link.bind_status)
        return f"refused with {status_name(outcome.status)}: {hint}"
    reason = outcome.reason if isinstance(outcome, Closed) else "it came to no end"
    return f"no answer to the bind: {reason}: {looks_like(first) or NEVER_BOUND}"


async def _converse(wire: _Wire, session: Session) -> Event:
    """See to the session until the bind is decided, or the session is over."""
    while True:
        try:
            events = await _exchange(wire, session)
        except trio.BrokenResourceError as error:
            why = broken(error)
            events = session.abort(f"the connection broke: {why}", trio.current_time())
        decided = None
        for event in events:
            if isinstance(event, RequestReceived):
                session.respond(event, status=CommandStatus.ESME_RX_T_APPN)
            elif isinstance(event, Bound | BindRefused | Closed):
                decided = decided or event
        if decided is not None:
            return decided


async def _exchange(wire: _Wire, session: Session) -> list[Event]:
    """Write what is to be written, then wait for octets or for a timer."""
    data = session.data_to_send()
    if data:
        await wire.stream.send_all(data)
    received = None
    with trio.CancelScope(deadline=session.deadline()):
        received = await wire.receive()
    now = trio.current_time()
    if received is None:
        return session.tick(now)
    return session.receive_data(received, now) if received else session.receive_eof(now)
