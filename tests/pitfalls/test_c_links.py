"""Links: whether somebody is there, who is let in, how sessions end, and how the next begin."""

from __future__ import annotations

import socket
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest
import trio
from trio.testing import MockClock

from smppd import events
from smppd.config import Config, LinkConfig, Mistake, parse, read_password
from smppd.link.dial import Dialler, Unreachable
from smppd.simulate.script import Binds, Script, Status, Tls
from smppd.simulate.smsc import Smsc
from tests.pitfalls.raw import (
    ALERT_NOTIFICATION,
    BIND_RECEIVER,
    BIND_TRANSCEIVER,
    BIND_TRANSMITTER,
    BINDS,
    DELIVER_SM,
    ENQUIRE_LINK,
    GENERIC_NACK,
    OUTBIND,
    RESPONSE,
    SUBMIT_SM,
    UNBIND,
    Frame,
    RawCall,
    pdu,
    receipt,
    tlv,
)
from tests.pitfalls.rig import Rig

if TYPE_CHECKING:
    from pathlib import Path

    from tests.certificates import Authority

ENQUIRED = ENQUIRE_LINK | RESPONSE


def swallow(*command_ids: int) -> Any:
    """An SMSC that hears these and says nothing."""
    return lambda _call, frame: frame.command_id in command_ids


async def in_flight(rig: Rig, count: int) -> list[Frame]:
    """So many submits without an answer."""
    rig.smsc.accepting = False
    rig.hand_in(*(rig.sms(n) for n in range(1, count + 1)))
    await rig.until(lambda: len(rig.smsc.submits) == count)
    return rig.smsc.submits


# ── whether somebody is there ────────────────────────────────────────────────────────────────


async def test_p30_what_we_write_proves_nothing_about_the_peer(
    rig: Rig, autojump_clock: MockClock
) -> None:
    rig.smsc.on_frame = swallow(SUBMIT_SM, ENQUIRE_LINK)
    await rig.start(
        rate=5,
        window=1000,
        enquire_link_interval=20,
        enquire_link_timeout=15,
        response_timeout=300,
    )
    rig.hand_in(*(rig.sms(n) for n in range(300)))
    call = rig.call
    await rig.until(lambda: call.closed_at is not None)
    assert call.closed_at == pytest.approx(35, abs=1)
    assert len(call.heard(SUBMIT_SM)) > 100
    assert len(call.heard(ENQUIRE_LINK)) == 1
    await rig.until(lambda: len(rig.smsc.calls) == 2)


async def test_p30_a_peer_that_answers_is_not_asked(rig: Rig, autojump_clock: MockClock) -> None:
    await rig.start(rate=1, enquire_link_interval=5, enquire_link_timeout=2)
    rig.hand_in(*(rig.sms(n) for n in range(60)))
    await rig.until(lambda: rig.states() == {"sent": 60})
    assert trio.current_time() > 50
    assert rig.call.heard(ENQUIRE_LINK) == []


async def test_p31_a_peer_that_fell_silent_is_left_and_dialled_anew(
    rig: Rig, autojump_clock: MockClock
) -> None:
    """Nothing of TCP tells: no FIN, no RST, and our octets are taken."""
    await rig.start()
    first = rig.call
    rig.smsc.on_frame = lambda call, _frame: call is first
    rig.hand_in(rig.sms(1, on_unknown="resend"))
    await rig.until(lambda: first.closed_at is not None)
    assert first.closed_at == pytest.approx(40, abs=1)
    await rig.until(lambda: rig.state("m1") == "sent")
    assert rig.show("m1").result.possible_duplicate


@pytest.mark.parametrize("when", ["before the bind is answered", "bound", "while draining"])
async def test_p32_the_peers_enquire_link_is_answered(
    rig: Rig, autojump_clock: MockClock, when: str
) -> None:
    unbound = when.startswith("before")
    rig.smsc.on_frame = swallow(*BINDS) if unbound else swallow()
    await rig.start(bound=0 if unbound else 1)
    await rig.until(lambda: rig.smsc.calls and any(map(rig.call.heard, BINDS)))
    if when == "while draining":
        await in_flight(rig, 3)
        rig.daemon.request_stop("SIGTERM")
        await rig.quiet()
    rig.smsc.say(pdu(ENQUIRE_LINK, sequence=77))
    await rig.until(lambda: rig.call.heard(ENQUIRED))
    (answer,) = rig.call.heard(ENQUIRED)
    assert (answer.status, answer.sequence, answer.body) == (0, 77, b"")
    assert rig.call.closed_at is None


async def test_p32_it_is_answered_while_the_pace_holds_us_back(
    rig: Rig, autojump_clock: MockClock
) -> None:
    await rig.start(rate=0.1)
    rig.hand_in(*(rig.sms(n) for n in range(10)))
    await rig.until(lambda: len(rig.smsc.submits) == 2)
    rig.smsc.say(pdu(ENQUIRE_LINK, sequence=78))
    await rig.until(lambda: rig.call.heard(ENQUIRED), patience=1)


async def test_p32_it_is_answered_while_the_disk_keeps_us_waiting(
    rig: Rig, autojump_clock: MockClock
) -> None:
    await rig.start(window=5)
    rig.hand_in(*(rig.sms(n) for n in range(1, 4)))
    await rig.until(lambda: rig.states() == {"sent": 3})
    disk = trio.Event()
    rig.before_call = lambda _call: disk.wait()
    rig.smsc.say(pdu(DELIVER_SM, 1, receipt("1")))
    await trio.sleep(5)
    for sequence in range(50, 55):
        rig.smsc.say(pdu(ENQUIRE_LINK, sequence), pdu(DELIVER_SM, sequence, receipt("2")))
        await trio.sleep(60)
        assert rig.call.heard(ENQUIRED)[-1].sequence == sequence
    assert rig.call.heard(DELIVER_SM | RESPONSE) == []  # nothing is acknowledged that may be lost
    disk.set()
    await rig.until(lambda: len(rig.call.heard(DELIVER_SM | RESPONSE)) == 6)
    assert [frame.sequence for frame in rig.call.heard(DELIVER_SM | RESPONSE)] == [
        *(1, 50, 51, 52, 53, 54),
    ]
    assert rig.states() == {"delivered": 2, "sent": 1}
    assert rig.of(events.LinkLost) == []


async def test_p33_nothing_is_asked_before_the_bind_is_answered(
    rig: Rig, autojump_clock: MockClock
) -> None:
    rig.smsc.on_frame = swallow(*BINDS)
    await rig.start(bound=0, enquire_link_interval=5, enquire_link_timeout=5)
    await trio.sleep(20)
    assert [frame.command_id for frame in rig.call.frames] == [BIND_TRANSCEIVER]
    rig.smsc.on_frame = swallow()
    rig.smsc.say(pdu(BIND_TRANSCEIVER | RESPONSE, rig.call.frames[0].sequence, b"SMSC\0"))
    await rig.until(lambda: rig.figures().bound)
    await rig.until(lambda: rig.call.heard(ENQUIRE_LINK))
    assert trio.current_time() == pytest.approx(25, abs=1)


async def test_p34_a_bind_without_an_answer_is_given_up(
    rig: Rig, autojump_clock: MockClock
) -> None:
    rig.smsc.on_frame = swallow(*BINDS)
    await rig.start(bound=0, bind_timeout=15)
    await rig.until(lambda: rig.of(events.LinkLost))
    assert rig.smsc.calls[0].closed_at == pytest.approx(15, abs=0.1)
    assert "no answer to the bind: check host and port" in rig.of(events.LinkLost)[0].reason
    rig.smsc.on_frame = swallow()
    await rig.until(lambda: rig.figures().bound)


# ── who is let in ────────────────────────────────────────────────────────────────────────────


def binds(rig: Rig) -> list[float]:
    """When binds were asked for."""
    return [call.opened_at for call in rig.smsc.calls if any(map(call.heard, BINDS))]


@pytest.mark.parametrize(("status", "sessions"), [(0x0D, 1), (0x0E, 10), (0x0F, 2)])
async def test_p35_a_wrong_password_is_tried_ever_more_seldom(
    rig: Rig, autojump_clock: MockClock, status: int, sessions: int
) -> None:
    rig.smsc.bind_status = status
    await rig.start(bound=0, sessions=sessions)
    rig.hand_in(rig.sms(1))
    await trio.sleep(600)
    assert len(binds(rig)) == 4
    (alert,) = rig.of(events.BindNeedsOperator)
    assert (alert.status, alert.state) == (status, "auth_failed")
    assert rig.events.index(alert) == rig.events.index(rig.of(events.BindRefused)[0]) + 1
    assert rig.figures().bind_state == "auth_failed"
    assert "bind refused" in rig.figures().last_error
    assert rig.states() == {"queued": 1}
    await trio.sleep(3600)
    assert rig.of(events.BindRefused)[-1].retry_in == 900
    assert len(binds(rig)) <= 4 + 5
    rig.smsc.bind_status = 0
    await rig.until(lambda: rig.state("m1") == "sent")
    await rig.until(lambda: rig.figures().bind_state == "bound")


async def test_p35_a_providers_own_word_for_a_wrong_password_locks_no_account(
    rig: Rig, autojump_clock: MockClock
) -> None:
    rig.smsc.bind_status = 0x03
    await rig.start(bound=0, bind_status={0x03: "credentials"})
    await trio.sleep(600)
    assert len(binds(rig)) == 4
    assert rig.figures().bind_state == "auth_failed"
    assert "check system_id and the password" in rig.figures().last_error


async def test_p36_already_bound_is_not_bound_and_waits(
    rig: Rig, autojump_clock: MockClock
) -> None:
    rig.smsc.bind_status = 0x05
    await rig.start(bound=0)
    await rig.until(lambda: len(rig.of(events.BindRefused)) == 3)
    assert rig.figures().bound == 0
    assert all(30 <= refusal.retry_in <= 60 for refusal in rig.of(events.BindRefused))
    (alert,) = rig.of(events.BindNeedsOperator)
    assert (alert.state, "sessions" in alert.hint) == ("already_bound", True)
    rig.smsc.bind_status = 0
    await rig.until(lambda: rig.figures().bound == 1)
    assert rig.figures().bind_state == "bound"


@pytest.mark.parametrize("how", ["refuses", "hangs up", "lets in and hangs up", "unbinds"])
async def test_p37_a_peer_that_is_no_use_is_not_stormed(
    rig: Rig, autojump_clock: MockClock, how: str
) -> None:
    def act(call: RawCall, frame: Frame) -> bool:
        if frame.command_id not in BINDS:
            return False
        if how != "hangs up":
            call.say(pdu(frame.command_id | RESPONSE, frame.sequence, b"SMSC\0"))
        if how == "unbinds":
            call.say(pdu(UNBIND, 1))
        else:
            call.drop()
        return True

    rig.smsc.unreachable = how == "refuses"
    rig.smsc.on_frame = act
    await rig.start(bound=0)
    await trio.sleep(60)
    attempts = len(rig.of(events.LinkConnecting))
    assert 4 <= attempts <= 10
    await trio.sleep(600)
    assert len(rig.of(events.LinkConnecting)) - attempts <= 20 + 1
    rig.smsc.unreachable = False
    rig.smsc.on_frame = swallow()
    await rig.until(lambda: rig.figures().bound, patience=62)


async def test_p37_a_session_that_held_is_replaced_at_once(
    rig: Rig, autojump_clock: MockClock
) -> None:
    await rig.start()
    for _ in range(5):
        await trio.sleep(31)
        rig.call.drop()
        await rig.until(lambda: not rig.figures().bound)
        await rig.until(lambda: rig.figures().bound, patience=2.1)


# ── how sessions end ─────────────────────────────────────────────────────────────────────────


async def test_p38_an_unbind_of_the_smsc_loses_no_answer(
    rig: Rig, autojump_clock: MockClock
) -> None:
    await rig.start()
    submits = await in_flight(rig, 5)
    first = rig.call
    rig.smsc.say(pdu(UNBIND, 9), pdu(DELIVER_SM, 10, receipt("99")))
    await rig.until(lambda: first.heard(UNBIND | RESPONSE))
    rig.hand_in(rig.sms(6))
    await trio.sleep(2)
    assert len(first.heard(SUBMIT_SM)) == 5  # nothing more is submitted there
    for number, frame in enumerate(submits[:5], start=1):
        first.accept(frame, str(number))
    rig.smsc.accepting = True
    await rig.until(lambda: rig.states() == {"sent": 6})
    assert [frame.sequence for frame in first.heard(UNBIND | RESPONSE)] == [9]
    assert [frame.sequence for frame in first.heard(DELIVER_SM | RESPONSE)] == [10]
    assert len(rig.smsc.submits) == 6
    assert all(lost.in_doubt == 0 for lost in rig.of(events.LinkLost))


async def test_p38_maintenance_loses_nothing_and_is_resumed_from(
    rig: Rig, autojump_clock: MockClock
) -> None:
    """The SMSC unbinds, refuses binds for an hour, and is back."""
    await rig.start(rate=10)
    name = rig.hand_in(*(rig.sms(n, receipt=False) for n in range(1, 201)))
    await rig.until(lambda: len(rig.smsc.submits) >= 100)
    rig.smsc.bind_status = 0x08
    rig.smsc.say(pdu(UNBIND, 9))
    await rig.until(lambda: rig.of(events.BindRefused))
    await trio.sleep(3600)
    assert len(rig.of(events.BindRefused)) <= 130
    assert rig.states()["queued"] >= 90
    rig.smsc.bind_status = 0
    await rig.until(lambda: rig.has_results(name))
    assert rig.states() == {"sent": 200}
    assert max(Counter(frame.destination for frame in rig.smsc.submits).values()) == 1


async def test_p39_a_stop_waits_for_answers_that_are_due(
    rig: Rig, autojump_clock: MockClock
) -> None:
    await rig.start()
    submits = await in_flight(rig, 10)

    async def answer_later() -> None:
        await trio.sleep(2)
        for number, frame in enumerate(submits, start=1):
            rig.call.accept(frame, str(number))

    async with trio.open_nursery() as nursery:
        nursery.start_soon(answer_later)
        await rig.stop()
    assert {rig.state(f"m{n}") for n in range(1, 11)} == {"sent"}
    assert [frame.command_id for frame in rig.call.frames][-1] == UNBIND
    assert rig.of(events.LinkUnbound)
    assert rig.of(events.DaemonStopped)[0].in_doubt == 0


# ── what has no answer ───────────────────────────────────────────────────────────────────────


async def test_p40_outbind_is_counted_and_not_answered(rig: Rig, autojump_clock: MockClock) -> None:
    rig.smsc.on_frame = swallow(*BINDS)
    await rig.start(bound=0)
    await rig.until(lambda: rig.smsc.calls and rig.call.frames)
    rig.smsc.say(pdu(OUTBIND, 1, b"SMSC\0secret\0"))
    await rig.until(lambda: rig.figures().oddities == 1)
    rig.smsc.say(pdu(BIND_TRANSCEIVER | RESPONSE, rig.call.frames[0].sequence, b"SMSC\0"))
    await rig.until(lambda: rig.figures().bound)
    rig.smsc.say(pdu(OUTBIND, 2, b"SMSC\0secret\0"))
    await rig.until(lambda: rig.figures().oddities == 2)
    assert [frame.command_id for frame in rig.call.frames] == [BIND_TRANSCEIVER]
    assert "secret" not in "".join(odd.what for odd in rig.of(events.ProtocolOddity))


@pytest.mark.parametrize("bind", ["transceiver", "receiver", "transmitter"])
async def test_p41_alert_notification_is_counted_and_not_answered(
    rig: Rig, autojump_clock: MockClock, bind: str
) -> None:
    await rig.start(bind=bind)
    asked = list(rig.call.frames)
    rig.smsc.say(pdu(ALERT_NOTIFICATION, 5, b"\1\1346\0\1\1ACME\0"))
    await rig.until(lambda: rig.figures().oddities == 1)
    await trio.sleep(5)
    assert rig.call.frames == asked
    assert rig.call.closed_at is None


# ── addresses and TLS, on real sockets ───────────────────────────────────────────────────────


class Names(trio.abc.HostnameResolver):
    """Names of these tests; any other is this machine's."""

    def __init__(self, **addresses: list[str]) -> None:
        self.addresses = addresses
        self.asked = 0

    async def getaddrinfo(self, host: bytes | None, port: Any, *_: Any, **__: Any) -> list[Any]:
        self.asked += 1
        name = (host or b"").decode()
        kind = (socket.SOCK_STREAM, socket.IPPROTO_TCP, "")
        return [
            (socket.AF_INET6, *kind, (address, port, 0, 0))
            if ":" in address
            else (socket.AF_INET, *kind, (address, port))
            for address in self.addresses.get(name, ["127.0.0.1"])
        ]

    async def getnameinfo(self, sockaddr: Any, flags: int) -> tuple[str, str]:
        raise NotImplementedError


class OnSockets:
    """The way of a real link to its SMSC."""

    def __init__(self, **keys: Any) -> None:
        self._dialler = Dialler(LinkConfig(name="main", hosts=(), system_id="acme", **keys))

    async def connect(self, host: str, port: int) -> trio.abc.Stream | Unreachable:
        """See `Dialler.open`."""
        return await self._dialler.open(host, port)


@asynccontextmanager
async def listening(
    address: str = "127.0.0.1", port: int = 0, **script: Any
) -> AsyncIterator[Smsc]:
    """A simulated SMSC on a socket."""
    host = f"[{address}]" if ":" in address else address
    smsc = Smsc(Script(listen=f"{host}:{port}", **script))
    async with trio.open_nursery() as nursery:
        await nursery.start(smsc.serve)
        yield smsc
        nursery.cancel_scope.cancel()


async def begin(rig: Rig, host: str, smsc: Smsc, *, bound: int = 1, **keys: Any) -> None:
    assert smsc.address is not None
    rig.centres[host] = OnSockets(**keys)
    hosts = ((host, smsc.address[1]),)
    await rig.start(bound=bound, hosts=hosts, reconnect_min=0.05, reconnect_max=0.1, **keys)


async def test_p42_every_address_of_a_name_is_tried_and_names_are_looked_up_anew(
    rig: Rig,
) -> None:
    names = Names(smsc=["127.0.0.7", "::1", "127.0.0.1"])
    trio.socket.set_custom_hostname_resolver(names)
    async with listening() as smsc:
        await begin(rig, "smsc", smsc)
        assert smsc.address is not None
        port = smsc.address[1]
        async with listening("127.0.0.8", port) as moved:
            names.addresses["smsc"] = ["127.0.0.7", "127.0.0.8"]
            rig.daemon.parts.links[0].reconnect("the name has moved")
            await rig.until(lambda: moved.tally.binds == 1, patience=10)
        assert names.asked >= 2
        await rig.kill()


async def test_p42_an_address_that_takes_calls_but_no_binds_gives_way(rig: Rig) -> None:
    trio.socket.set_custom_hostname_resolver(Names(smsc=["127.0.0.1", "127.0.0.8"]))
    async with listening(bind=Binds(refuse_first=1000, refuse_status=Status(8))) as useless:
        assert useless.address is not None
        async with listening("127.0.0.8", useless.address[1]):
            await begin(rig, "smsc", useless)
            assert 1 <= len(rig.of(events.BindRefused)) <= 3
            await rig.kill()


async def test_p42_over_ipv6(rig: Rig) -> None:
    async with listening("::1") as smsc:
        await begin(rig, "::1", smsc)
        assert rig.of(events.LinkBound)[0].address.startswith("[::1]:")
        await rig.kill()


async def test_p43_a_verified_link_carries_messages(rig: Rig, authority: Authority) -> None:
    trio.socket.set_custom_hostname_resolver(Names())
    pem = authority.issue("smsc.example.net")
    tls = Tls(cert=str(pem.cert), key=str(pem.key))
    async with listening(tls=tls) as smsc:
        await begin(rig, "smsc.example.net", smsc, tls=True, tls_ca_file=authority.file)
        rig.hand_in(*(rig.sms(n) for n in range(1, 101)))
        await rig.until(lambda: rig.states() == {"delivered": 100}, patience=20)
        assert rig.figures().certificate_expires is not None
        await rig.stop()
    assert rig.of(events.LinkUnbound)
    assert rig.of(events.CertificateExpiring) == []


@pytest.mark.parametrize(
    ("names", "until", "keys", "said"),
    [
        (["other"], 2035, {}, "is not for smsc.example.net: set tls_server_name"),
        (["smsc.example.net"], 2020, {}, "certificate has expired"),
        (["smsc.example.net"], 2035, {"tls_ca_file": None}, "set tls_ca_file"),
    ],
)
async def test_p43_who_cannot_prove_its_name_gets_no_password(
    rig: Rig,
    authority: Authority,
    names: list[str],
    until: int,
    keys: dict[str, Any],
    said: str,
) -> None:
    trio.socket.set_custom_hostname_resolver(Names())
    pem = authority.issue(*names, not_after=datetime(until, 1, 1, tzinfo=UTC))
    async with listening(tls=Tls(cert=str(pem.cert), key=str(pem.key))) as smsc:
        tls = {"tls": True, "tls_ca_file": authority.file} | keys
        await begin(rig, "smsc.example.net", smsc, bound=0, **tls)
        await rig.until(lambda: rig.of(events.LinkLost), patience=10)
        await rig.kill()
    assert said in rig.of(events.LinkLost)[0].reason
    assert smsc.tally.binds == smsc.tally.bind_refusals == 0


async def test_p43_tls_on_one_side_only_is_recognised(rig: Rig, authority: Authority) -> None:
    trio.socket.set_custom_hostname_resolver(Names())
    async with listening() as smsc:
        await begin(rig, "plain", smsc, bound=0, tls=True, tls_ca_file=authority.file)
        await rig.until(lambda: rig.of(events.LinkLost), patience=15)
        await rig.kill()
    assert "does not speak TLS there" in rig.of(events.LinkLost)[0].reason


async def test_p43_a_tls_port_on_a_plain_link_is_recognised(
    rig: Rig, autojump_clock: MockClock
) -> None:
    """What a TLS server says to a bind is an alert, which is no PDU."""

    def alert(call: RawCall, _frame: Frame) -> bool:
        call.say(b"\x15\x03\x01\x00\x02\x02\x46")
        call.drop()
        return True

    rig.smsc.on_frame = alert
    await rig.start(bound=0)
    await rig.until(lambda: rig.of(events.LinkLost))
    assert "this looks like a TLS port: set tls = true" in rig.of(events.LinkLost)[0].reason


async def test_p43_a_certificate_about_to_expire_is_spoken_of(
    rig: Rig, authority: Authority
) -> None:
    trio.socket.set_custom_hostname_resolver(Names())
    pem = authority.issue("smsc", not_after=datetime(2035, 1, 1, tzinfo=UTC))
    async with listening(tls=Tls(cert=str(pem.cert), key=str(pem.key))) as smsc:
        rig.skew = datetime(2034, 12, 22, tzinfo=UTC).timestamp() - rig.wall()
        await begin(rig, "smsc", smsc, tls=True, tls_ca_file=authority.file)
        (warning,) = rig.of(events.CertificateExpiring)
        assert warning.days == pytest.approx(10, abs=0.1)
        await rig.kill()


async def test_p43_a_link_that_verifies_nothing_says_so(rig: Rig, authority: Authority) -> None:
    trio.socket.set_custom_hostname_resolver(Names())
    pem = authority.issue("anybody")
    async with listening(tls=Tls(cert=str(pem.cert), key=str(pem.key))) as smsc:
        await begin(rig, "smsc", smsc, tls=True, tls_verify=False)
        await rig.kill()
    (warning,) = rig.of(events.LinkUnverified)
    assert "tls_verify = false" in warning.hint


# ── kinds of bind, versions, credentials ─────────────────────────────────────────────────────


async def test_p44_pairs_submit_on_one_half_and_hear_on_the_other(
    rig: Rig, autojump_clock: MockClock
) -> None:
    await rig.start(bind="transmitter+receiver", bound=2)
    transmitter = next(call for call in rig.smsc.calls if call.heard(BIND_TRANSMITTER))
    receiver = next(call for call in rig.smsc.calls if call.heard(BIND_RECEIVER))
    rig.hand_in(rig.sms(1))
    await rig.until(lambda: transmitter.heard(SUBMIT_SM))
    receiver.say(pdu(DELIVER_SM, 1, receipt("1")))
    await rig.until(lambda: receiver.heard(DELIVER_SM | RESPONSE))
    await rig.until(lambda: rig.state("m1") == "delivered")
    receiver.drop()
    await rig.until(lambda: rig.figures().missing == ["receiver"])
    assert "not bound as receiver" in rig.figures().unready
    rig.hand_in(rig.sms(2))
    await rig.until(lambda: rig.states() == {"delivered": 1, "sent": 1})
    await rig.until(lambda: rig.figures().bound == 2)


@pytest.mark.parametrize(
    ("bind", "command_id"), [("transmitter", BIND_TRANSMITTER), ("receiver", BIND_RECEIVER)]
)
async def test_p44_a_link_may_be_one_half(
    rig: Rig, autojump_clock: MockClock, bind: str, command_id: int
) -> None:
    await rig.start(bind=bind)
    assert [frame.command_id for frame in rig.call.frames] == [command_id]
    assert rig.figures().unready == ""


async def test_p44_a_receipt_over_a_transmitter_is_taken(
    rig: Rig, autojump_clock: MockClock
) -> None:
    await rig.start(bind="transmitter")
    rig.hand_in(rig.sms(1))
    await rig.until(lambda: rig.states() == {"sent": 1})
    rig.smsc.say(pdu(DELIVER_SM, 1, receipt("1")), pdu(DELIVER_SM, 2, b"no NUL"))
    await rig.until(lambda: rig.states() == {"delivered": 1})
    await rig.until(lambda: len(rig.call.heard(DELIVER_SM | RESPONSE)) == 2)
    assert [frame.status for frame in rig.call.heard(DELIVER_SM | RESPONSE)] == [0, 0x66]


def version_octet(frame: Frame) -> int:
    """The interface_version in a bind request."""
    return frame.body.split(b"\0", 3)[3][0]


@pytest.mark.parametrize(("version", "octet"), [("3.3", 0x33), ("3.4", 0x34), ("5.0", 0x50)])
async def test_p45_the_version_configured_is_on_the_wire(
    rig: Rig, autojump_clock: MockClock, version: str, octet: int
) -> None:
    await rig.start(interface_version=version)
    assert version_octet(rig.call.frames[0]) == octet


async def test_p45_3_4_is_the_default_and_3_3_sends_no_tlv(
    rig: Rig, autojump_clock: MockClock
) -> None:
    await rig.start(links={"main": {}, "old": {"interface_version": "3.3"}}, bound=2)
    assert sorted(version_octet(call.frames[0]) for call in rig.smsc.calls) == [0x33, 0x34]
    rig.hand_in(rig.sms(1, via="old", tlv={"0x1400": "01"}), rig.sms(2, via="main"))
    await rig.until(lambda: rig.states() == {"rejected": 1, "sent": 1})
    assert [frame.destination for frame in rig.smsc.submits] == ["34600000002"]


async def test_p45_an_smsc_of_a_lower_version_is_remarked_on_once(
    rig: Rig, autojump_clock: MockClock
) -> None:
    def let_in(call: RawCall, frame: Frame) -> bool:
        body = b"SMSC\0" + tlv(0x0210, b"\x33")
        if frame.command_id in BINDS:
            call.say(pdu(frame.command_id | RESPONSE, frame.sequence, body))
        return frame.command_id in BINDS

    rig.smsc.on_frame = let_in
    await rig.start(sessions=3, bound=3)
    (remark,) = rig.of(events.ProtocolOddity)
    assert "the SMSC speaks SMPP 3.3" in remark.what
    rig.hand_in(rig.sms(1))
    await rig.until(lambda: rig.states() == {"sent": 1})


LONG = """
[link.main]
host = "a"
system_id = "sixteen-letters."
password_file = "password"
"""


def test_p46_long_credentials_are_refused_when_they_are_loaded(tmp_path: Path) -> None:
    (tmp_path / "password").write_text("ninechars")
    found = parse(LONG.encode(), tmp_path / "smppd.toml")
    assert isinstance(found, list)
    assert [str(mistake) for mistake in found] == [
        f"{tmp_path}/smppd.toml: link.main.system_id: has 16 characters, more than the 15 that are"
        " allowed; ask the provider for a shorter one, or set long_credentials = true (up to 255)"
    ]
    short = parse(LONG.replace("sixteen-letters.", "acme").encode(), tmp_path / "smppd.toml")
    assert isinstance(short, Config)
    why = read_password(short.links[0])
    assert isinstance(why, Mistake)
    assert "has 9 characters, more than the 8 that are allowed" in str(why)
    assert "ninechars" not in str(why)


@pytest.mark.parametrize(("system_id", "password"), [("u" * 15, "p" * 8), ("u" * 40, "p" * 16)])
async def test_p46_credentials_are_on_the_wire_uncut(
    rig: Rig, autojump_clock: MockClock, system_id: str, password: str
) -> None:
    rig.passwords["main"] = password
    await rig.start(system_id=system_id, system_type="t" * 12, long_credentials=len(system_id) > 15)
    octets = f"{system_id}\0{password}\0{'t' * 12}\0".encode()
    assert rig.call.frames[0].body.startswith(octets)
    assert rig.call.heard(GENERIC_NACK) == []
