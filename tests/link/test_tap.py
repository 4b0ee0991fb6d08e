"""A tap on a link hears every octet of every session, in order, from the middle of a PDU if need be."""

from __future__ import annotations

from collections.abc import Hashable
from typing import TYPE_CHECKING

import trio
from trio.testing import MockClock

from smppd import events
from smppd.smpp.codec import decode, encode
from smppd.smpp.pdu import DeliverSm
from tests.link.rig import Rig, parts, receipt

if TYPE_CHECKING:
    from smppd.ports import End


class Tap:
    """Keeps everything, and which of our PDUs had left by when."""

    def __init__(self) -> None:
        self.told: list[tuple[str, bytes]] = []
        self.talks: set[Hashable] = set()

    def opened(self, talk: Hashable, local: End, remote: End) -> None:
        self._note("opened", talk)

    def joined(self, talk: Hashable, local: End, remote: End, begun: bytes) -> None:
        self._note("joined", talk, begun)

    def said(self, talk: Hashable, octets: bytes) -> None:
        self._note("said", talk, octets)

    def heard(self, talk: Hashable, octets: bytes) -> None:
        self._note("heard", talk, octets)

    def closed(self, talk: Hashable) -> None:
        self._note("closed", talk)

    def ended(self, why: str) -> None:
        self.told.append(("ended", why.encode()))

    def _note(self, what: str, talk: Hashable, octets: bytes = b"") -> None:
        self.told.append((what, octets))
        self.talks.add(talk)

    def stream(self, *kinds: str) -> bytes:
        return b"".join(octets for what, octets in self.told if what in kinds)


def names(stream: bytes) -> list[str]:
    """The PDUs of a stream, which are whole."""
    found = []
    while stream:
        length = int.from_bytes(stream[:4], "big")
        found.append(type(getattr(decode(stream[:length]), "pdu", None)).__name__)
        stream = stream[length:]
    return found


async def test_a_tap_hears_both_sides_and_nothing_before_or_after(
    rig: Rig, autojump_clock: MockClock
) -> None:
    link = await rig.start()
    link.submit(parts(2))
    await rig.until(lambda: link.figures().answers == {0: 2})
    tap = Tap()
    link.overhear(tap)
    assert tap.told == [("joined", b"")]
    link.submit(parts(2, first=3))
    await rig.until(lambda: link.figures().answers == {0: 4})
    rig.smsc.calls[0].deliver(receipt(1))
    await rig.until(lambda: len(rig.smsc.calls[0].answered()) == 1)
    assert names(tap.stream("said")) == ["SubmitSm", "SubmitSm", "DeliverSmResp"]
    assert names(tap.stream("heard")) == ["SubmitSmResp", "SubmitSmResp", "DeliverSm"]
    link.leave_alone(tap)
    before = list(tap.told)
    link.submit(parts(1, first=5))
    await rig.until(lambda: link.figures().answers == {0: 5})
    assert tap.told == before


async def test_it_is_told_of_ends_and_beginnings_and_hears_the_bind(
    rig: Rig, autojump_clock: MockClock
) -> None:
    link = await rig.start()
    tap = Tap()
    link.overhear(tap)
    rig.smsc.calls[0].drop()
    await rig.until(lambda: len(rig.of(events.LinkBound)) == 2)
    assert [what for what, _ in tap.told] == ["joined", "closed", "opened", "said", "heard"]
    assert names(tap.stream("said")) == ["BindTransceiver"]
    assert names(tap.stream("heard")) == ["BindTransceiverResp"]
    assert len(tap.talks) == 2


async def test_who_comes_in_the_middle_of_a_pdu_hears_all_of_it(
    rig: Rig, autojump_clock: MockClock
) -> None:
    link = await rig.start()
    call, pdu = rig.smsc.calls[0], encode(DeliverSm(short_message=b"hi"), 9)
    call._receive.put_data(pdu[:11])
    await trio.sleep(1)
    tap = Tap()
    link.overhear(tap)
    call._receive.put_data(pdu[11:])
    await rig.until(lambda: link.figures().received == 1)
    assert tap.stream("joined", "heard") == pdu


async def test_what_is_heard_while_the_disk_is_slow_is_heard_once(
    rig: Rig, autojump_clock: MockClock
) -> None:
    link = await rig.start()
    tap = Tap()
    link.overhear(tap)
    rig.disk = trio.Event()
    rig.smsc.calls[0].deliver(receipt(1))
    await rig.until(lambda: rig.waiting_for_disk == 1)
    await trio.sleep(5)
    rig.smsc.calls[0].deliver(receipt(2))
    await trio.sleep(5)
    rig.disk.set()
    await rig.until(lambda: len(rig.receipts) == 2)
    assert names(tap.stream("heard")) == ["DeliverSm", "DeliverSm"]


async def test_who_hears_a_link_hears_its_successor_and_is_told_of_the_end_of_both(
    rig: Rig, autojump_clock: MockClock
) -> None:
    link = await rig.start()
    tap, late = Tap(), Tap()
    link.overhear(tap)
    link.overhear(tap)
    link.submit(parts(1))
    await rig.until(lambda: link.figures().submitted == 1)
    other = rig.make(system_id="other")
    other.take_place_of(link)
    other.overhear(late)
    assert late.told == [("joined", b"")]
    await link.drain()
    rig.run(other)
    await rig.until(lambda: len(rig.of(events.LinkBound)) == 2)
    both = ["SubmitSm", "Unbind", "BindTransceiver"]
    assert names(tap.stream("said")) == both
    assert names(late.stream("said")) == both[1:]
    other.go()
    await other.drain()
    for each in (tap, late):
        assert each.told[-2:] == [("closed", b""), ("ended", b"a reload has removed the link")]
    before = list(tap.told)
    other.leave_alone(tap)
    assert tap.told == before


async def test_what_ends_with_smppd_says_so(rig: Rig, autojump_clock: MockClock) -> None:
    link = await rig.start()
    tap = Tap()
    link.overhear(tap)
    await link.drain()
    assert tap.told[-1] == ("ended", b"smppd stops")
