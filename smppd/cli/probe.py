"""One bind, to see whether it works: connect, bind as configured, unbind.

Nothing is submitted. What the SMSC delivers meanwhile is refused for now, so that it comes again
to the daemon. Raises nothing; the outcome is a finding.
"""

from __future__ import annotations

import trio

from smppd.cli.findings import Finding
from smppd.config import LinkConfig
from smppd.link.backoff import bind_hint
from smppd.link.dial import Unreachable, open_connection, written
from smppd.link.translate import bind_request
from smppd.smpp.errors import RemoteProtocolError
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
    stream = await open_connection(host, port)
    if isinstance(stream, Unreachable):
        return Finding(what, False, stream.reason)
    now = trio.current_time()
    limits = Limits(window=link.window, bind_timeout=link.bind_timeout, unbind_timeout=_PARTING)
    session = Session(Role.ESME, limits, now)
    async with stream:
        request = bind_request(link, password, bind)
        session.bind(request, now, long_credentials=link.long_credentials)
        outcome = await _converse(stream, session)
        if isinstance(outcome, Bound):
            session.unbind(trio.current_time())
            await _converse(stream, session)
    return _judge(what, bind, outcome)


def _judge(what: str, bind: str, outcome: Event) -> Finding:
    if isinstance(outcome, Bound):
        name = getattr(outcome.pdu, "system_id", "")
        return Finding(what, True, f'bound as {bind} to "{name}", and unbound')
    if isinstance(outcome, BindRefused):
        status = f"refused with {status_name(outcome.status)}"
        return Finding(what, False, f"{status}: {bind_hint(outcome.status)}")
    reason = outcome.reason if isinstance(outcome, Closed) else "it came to no end"
    cure = "check host and port, and whether the provider lets this address in"
    return Finding(what, False, f"no answer to the bind: {reason}: {cure}")


async def _converse(stream: trio.abc.Stream, session: Session) -> Event:
    """See to the session until the bind is decided, or the session is over."""
    while True:
        try:
            events = await _exchange(stream, session)
        except (trio.BrokenResourceError, RemoteProtocolError) as error:
            events = session.abort(f"the connection broke: {error}", trio.current_time())
        decided = None
        for event in events:
            if isinstance(event, RequestReceived):
                session.respond(event, status=CommandStatus.ESME_RX_T_APPN)
            elif isinstance(event, Bound | BindRefused | Closed):
                decided = decided or event
        if decided is not None:
            return decided


async def _exchange(stream: trio.abc.Stream, session: Session) -> list[Event]:
    """Write what is to be written, then wait for octets or for a timer."""
    data = session.data_to_send()
    if data:
        await stream.send_all(data)
    received = None
    with trio.CancelScope(deadline=session.deadline()):
        received = await stream.receive_some(_READ_SIZE)
    now = trio.current_time()
    if received is None:
        return session.tick(now)
    return session.receive_data(bytes(received), now) if received else session.receive_eof(now)
