"""One session of a link, kept bound: connect, bind, see it to its end, wait, and again.

Knows no messages: those flow between `traffic` and `connection`. Whatever prevents or ends a
session is one event for the operator and a delay; nothing of it is raised.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import trio

from smppd.config import LinkConfig
from smppd.events import (
    BindNeedsOperator,
    BindRefused,
    CertificateExpiring,
    LinkBound,
    LinkConnecting,
    LinkLost,
    LinkUnbound,
    ProtocolOddity,
)
from smppd.figures import SessionFigures
from smppd.link.backoff import HELD, Backoff, persistent_delay
from smppd.link.connection import PARTING, Connection
from smppd.link.dial import NEVER_BOUND, Unreachable, written
from smppd.link.ending import Ended
from smppd.link.entrance import Entrance
from smppd.link.refusals import bind_class, bind_hint
from smppd.link.tls import EXPIRES_SOON, certificate_expiry, looks_like
from smppd.link.traffic import Traffic
from smppd.link.translate import BIND_NAMES, BindRequest, older_version
from smppd.ports import Tap
from smppd.smpp.pdu import Response
from smppd.smpp.session import Limits, Role, Session
from smppd.smpp.vocabulary import MOST_CHARACTERS, status_name
from smppd.statuses import Binding

#: Opens a stream to a host and port, or says why there is none.
Connect = Callable[[str, int], Awaitable[trio.abc.Stream | Unreachable]]

_RENEW = "the provider must renew it: without, the link cannot be bound any more"


class Supervisor:
    """Keeps session `number` of a link bound until it is told to drain. Owns its streams."""

    def __init__(
        self,
        config: LinkConfig,
        bind: BindRequest,
        number: int,
        traffic: Traffic,
        entrance: Entrance,
        connect: Connect,
    ) -> None:
        self._config = config
        self._bind = bind
        self._number = number
        self._traffic = traffic
        self._entrance = entrance
        self._backoff = Backoff(config.reconnect_min, config.reconnect_max, entrance.chance)
        self._connect = connect
        self._host = entrance.hosts()[0]
        self._refused = ""
        self._state = "closed"
        self._since: float | None = None
        self._expires: float | None = None
        self._connection: Connection | None = None
        self._interruptible = trio.CancelScope()
        #: Set when `run` has come to its end.
        self.finished = trio.Event()

    @property
    def bind(self) -> str:
        """The kind of its session: transceiver, transmitter or receiver."""
        return BIND_NAMES[type(self._bind)]

    async def run(self) -> None:
        """Return when drained. A cancellation closes the connection as it stands."""
        try:
            await self._run()
        finally:
            self.finished.set()

    async def _run(self) -> None:
        while not self._traffic.draining:
            delay = await self._attempt()
            self._enter("backoff")
            with trio.move_on_after(delay) as self._interruptible:
                if not self._traffic.draining:
                    await trio.sleep_forever()
        self._enter("closed")

    def drain(self, until: float) -> None:
        """Let what is under way finish until then, unbind and end; `Traffic` is told first."""
        if self._connection is not None:
            self._connection.drain(until)
        else:
            self._interruptible.cancel()

    def reconnect(self, reason: str) -> None:
        """End the session, if it is bound, in good order; another one follows."""
        if self._connection is not None:
            self._connection.retire(reason)

    def change(self, config: LinkConfig) -> None:
        """Go by this from now on; what a session is bound with is said at its next bind."""
        self._config = config
        self._backoff.change(config.reconnect_min, config.reconnect_max)
        if self._connection is not None:
            self._connection.change_limits(_limits(config))

    def join(self, tap: Tap) -> None:
        """Have this hear its connection from here on, if there is one; the next tells it by itself."""
        if self._connection is not None:
            self._connection.join(tap)

    def figures(self) -> SessionFigures:
        """The session as it stands."""
        session = self._connection.session if self._connection else None
        return SessionFigures(
            state=session.state.value if session else self._state,
            address=self._address,
            in_flight=session.in_flight if session else 0,
            since=self._since,
            bind=self.bind,
            refused=self._refused,
            certificate_expires=self._expires,
        )

    def note_expiry(self) -> None:
        """Say so when the SMSC's certificate is about to expire."""
        if self._expires is None:
            return
        left = self._expires - self._traffic.wall()
        if left < EXPIRES_SOON:
            days = round(left / 86_400, 1)
            self._traffic.emit(
                CertificateExpiring(self._traffic.name, self._number, self._address, days, _RENEW)
            )

    @property
    def _address(self) -> str:
        return written(*self._host)

    def _enter(self, state: str) -> None:
        self._state = state
        self._since = self._traffic.wall()

    # ── one attempt ──────────────────────────────────────────────────────────────────────────

    async def _attempt(self) -> float:
        """One session from connecting to its end; the delay in seconds before the next."""
        if not self._entrance.open:
            self._enter("backoff")
        with trio.CancelScope() as self._interruptible:
            await self._entrance.enter(self)
        try:
            return 0.0 if self._traffic.draining else await self._see_to_the_end()
        finally:
            self._entrance.leave(self)

    async def _see_to_the_end(self) -> float:
        stream = await self._reach()
        if isinstance(stream, Unreachable):
            return self._note_unreachable(stream)
        async with stream:
            if self._traffic.draining:
                return 0.0
            self._expires = certificate_expiry(stream)
            self.note_expiry()
            ended = await self._converse(stream)
        return self._note_ended(ended)

    async def _reach(self) -> trio.abc.Stream | Unreachable:
        """A stream to the first host that answers, beginning with the one in turn."""
        self._enter("connecting")
        reasons = []
        for host in self._entrance.hosts():
            self._host = host
            self._traffic.emit(LinkConnecting(self._traffic.name, self._number, self._address))
            found: trio.abc.Stream | Unreachable = Unreachable("stopped while connecting")
            with trio.CancelScope() as self._interruptible:
                found = await self._connect(*host)
            if not isinstance(found, Unreachable):
                self._traffic.figures.connects += 1
                return found
            reasons.append(found.reason)
            if self._traffic.draining:
                break
            self._entrance.pass_over(host)
        return Unreachable("; ".join(reasons))

    async def _converse(self, stream: trio.abc.Stream) -> Ended:
        limits, receipts = _limits(self._config), self._traffic.receipts
        session = Session(Role.ESME, limits, trio.current_time(), receipts)
        self._connection = Connection(
            stream, session, self._traffic, self._number, self._note_bound
        )
        try:
            return await self._connection.run(
                self._bind, long_credentials=self._config.long_credentials
            )
        finally:
            self._connection = None

    # ── what is told of it ───────────────────────────────────────────────────────────────────

    def _note_bound(self, response: Response | None) -> None:
        self._entrance.accepted(self, self.bind)
        self._refused = ""
        self._count("bound")
        self._since = self._traffic.wall()
        self._traffic.emit(
            LinkBound(
                self._traffic.name,
                self._number,
                self._address,
                self.bind,
                getattr(response, "system_id", "")[:MOST_CHARACTERS],
            )
        )
        what = older_version(response, self._config.interface_version)
        if what and self._entrance.is_new(what):
            self._traffic.emit(ProtocolOddity(self._traffic.name, self._number, what))

    def _note_unreachable(self, why: Unreachable) -> float:
        if self._traffic.draining:
            return 0.0
        self._count("unreachable")
        delay = self._backoff.lost(0.0)
        self._note_lost(why.reason, 0, delay)
        return delay

    def _note_ended(self, ended: Ended) -> float:
        endings = self._traffic.figures.endings
        if ended.was_bound:
            endings[ended.kind] = endings.get(ended.kind, 0) + 1
        if ended.refused is not None:
            return self._note_refused(ended.refused)
        reason = f"{self._address}: {ended.reason}"
        if self._traffic.draining:
            self._note_stopped(reason, ended)
            return 0.0
        if ended.was_bound:
            self._traffic.weather.lost()
        else:
            self._count("unanswered")
            reason = f"{reason}; no answer to the bind: {looks_like(ended.first) or NEVER_BOUND}"
        if ended.held < HELD:
            self._entrance.pass_over(self._host)
        delay = self._backoff.lost(ended.held)
        self._note_lost(reason, ended.in_doubt, delay)
        return delay

    def _count(self, attempt: str) -> None:
        """What an attempt to be bound came to."""
        attempts = self._traffic.figures.attempts
        attempts[attempt] = attempts.get(attempt, 0) + 1

    def _note_stopped(self, reason: str, ended: Ended) -> None:
        if ended.clean and not ended.in_doubt:
            self._traffic.emit(LinkUnbound(self._traffic.name, self._number))
        elif ended.was_bound:
            self._note_lost(reason, ended.in_doubt, 0.0)

    def _note_lost(self, reason: str, in_doubt: int, delay: float) -> None:
        self._note_error(reason)
        self._traffic.emit(
            LinkLost(self._traffic.name, self._number, reason, in_doubt, round(delay, 1))
        )

    def _note_error(self, reason: str) -> None:
        figures = self._traffic.figures
        figures.last_error, figures.last_error_at = reason, self._traffic.wall()

    def _note_refused(self, status: int) -> float:
        figures = self._traffic.figures
        figures.bind_refusals += 1
        self._count("refused")
        delay = self._delay_after(bind_class(status, self._config.bind_status))
        name = status_name(status)
        hint = f"{self._address}: {bind_hint(status, self._config.bind_status)}"
        self._note_error(f"bind refused with {name}: {hint}")
        about = (self._traffic.name, self._number, status, name, hint)
        self._traffic.emit(BindRefused(*about, round(delay, 1)))
        if self._entrance.wants_operator(self, self.bind, status):
            self._traffic.emit(BindNeedsOperator(*about, self._refused))
        self._entrance.pass_over(self._host)
        return delay

    def _delay_after(self, refused: Binding) -> float:
        self._refused = refused.state
        if refused is Binding.CREDENTIALS:
            return self._entrance.wrong_credentials(self)
        if refused is Binding.RETRY_LATER:
            return self._backoff.lost(0.0)
        return persistent_delay(self._entrance.chance())


def _limits(config: LinkConfig) -> Limits:
    return Limits(
        window=config.window,
        response_timeout=config.response_timeout,
        bind_timeout=config.bind_timeout,
        enquire_link_interval=config.enquire_link_interval,
        enquire_link_timeout=config.enquire_link_timeout,
        # For a session that the SMSC unbinds; `Connection` keeps its own, shorter time for ours.
        unbind_timeout=PARTING,
        first_sequence_number=config.first_sequence_number,
        max_pdu_length=config.max_pdu_length,
    )
