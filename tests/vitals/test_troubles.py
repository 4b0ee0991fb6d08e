"""What is wrong is told with its reason and its cure; what is well is not told."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from smppd.figures import (
    AccountFigures,
    CampaignFigures,
    ConfigFigures,
    DaemonFigures,
    LinkFigures,
    LoopFigures,
    OutletFigures,
    RoomFigures,
    SessionFigures,
)
from smppd.vitals.picture import picture
from smppd.vitals.pulse import Pulse
from smppd.vitals.troubles import Trouble, troubles, undecided
from tests.vitals.figures import NOW, daemon, link

GIB = 1 << 30
#: What may change in a link between two looks that are five seconds apart.
Change = Callable[[LinkFigures], None]


def found(figures: DaemonFigures) -> list[tuple[str, str]]:
    return [(each.gravity, each.what) for each in troubles(figures, Pulse())]


def after(main: LinkFigures, change: Change, seconds: float = 5, **more: object) -> list[Trouble]:
    """What is wrong once this has changed in so many seconds."""
    pulse = Pulse()
    pulse.feel(daemon(main, now=NOW - seconds))
    change(main)
    figures = daemon(main, **more)
    pulse.feel(figures)
    return troubles(figures, pulse)


def test_nothing_is_told_of_a_daemon_that_does_well() -> None:
    assert found(daemon()) == []


def test_a_link_that_is_not_bound_says_for_how_long_why_and_what_to_do() -> None:
    main = link(state="backoff", last_error="smsc:2775 refuses connections")
    main.unbound_since = NOW - 125
    [trouble] = troubles(daemon(main), Pulse())
    assert trouble.gravity == "bad"
    assert trouble.what == "link main is not bound for 2 min 5 s"
    assert trouble.why == "smsc:2775 refuses connections"
    assert "smppd check --connect" in trouble.cure
    assert trouble.link == "main"


def test_a_link_that_flaps_is_told_of_bound_or_not() -> None:
    flaps = "link main was lost 5 times in ten minutes"
    main = link(lost_lately=5, last_error="the peer closed the connection")
    assert found(daemon(main)) == [("odd", flaps)]
    main.sessions[0].state = "backoff"
    assert ("odd", flaps) in found(daemon(main))
    assert found(daemon(link(lost_lately=4))) == []


def test_a_first_bind_has_its_time() -> None:
    main = link(state="connecting", unbound_since=NOW - 3)
    assert found(daemon(main)) == [("note", "link main is not bound for 3 s")]
    main.unbound_since = NOW - 11
    assert found(daemon(main)) == [("bad", "link main is not bound for 11 s")]


def test_links_that_close_because_the_daemon_stops_are_no_trouble() -> None:
    lost = link(state="closed", last_error="unbound", unbound_since=NOW - 3)
    stopping = daemon(lost, stopping=True, oldest_queued=NOW - 1000)
    assert found(stopping) == [("note", "the daemon drains before it stops")]


@pytest.mark.parametrize(
    ("refused", "cure"),
    [
        ("auth_failed", "correct system_id or password"),
        ("already_bound", "another client"),
        ("operator", "ask the provider"),
        ("retry_later", "nothing but wait"),
    ],
)
def test_a_refused_bind_has_the_cure_of_its_kind(refused: str, cure: str) -> None:
    main = link(state="backoff", last_error="bind refused with ESME_RX")
    main.sessions[0].refused = refused
    [trouble] = troubles(daemon(main), Pulse())
    assert cure in trouble.cure


def test_of_a_pair_without_receiver_messages_leave_and_it_is_only_odd() -> None:
    main = link()
    main.sessions[0].bind = "transmitter"
    main.sessions.append(SessionFigures("backoff", "smsc:2775", 0, NOW, "receiver"))
    [trouble] = troubles(daemon(main), Pulse())
    assert (trouble.gravity, trouble.what) == ("odd", "link main is not bound as receiver")
    assert "receipts wait" in trouble.why
    main.sessions.reverse()
    main.sessions[0].state, main.sessions[1].state = "bound_rx", "backoff"
    assert found(daemon(main)) == [("bad", "link main is not bound as transmitter")]


def test_one_session_of_several_is_missed() -> None:
    main = link()
    main.sessions.append(SessionFigures("backoff", "smsc:2776"))
    assert found(daemon(main)) == [("odd", "link main has 1 of 2 sessions")]


def test_a_paused_link_says_why_and_how_it_goes_on() -> None:
    [trouble] = troubles(daemon(link(paused="maintenance (uid 0)")), Pulse())
    assert (trouble.gravity, trouble.why) == ("bad", "maintenance (uid 0)")
    assert trouble.cure.endswith("smppd resume main")


def test_an_smsc_that_answers_nothing_is_noticed() -> None:
    def nothing(main: LinkFigures) -> None:
        pass

    [trouble] = after(link(submitted=100), nothing)
    assert trouble.what == "link main gets no answers: 3 submits wait"

    def some(main: LinkFigures) -> None:
        main.answers = {0: 1}

    assert after(link(submitted=100), some) == []


def test_an_smsc_that_refuses_most_is_noticed_and_throttling_is_not_refusing() -> None:
    def refuse(main: LinkFigures) -> None:
        main.submitted, main.answers = 10, {0: 4, 0x0B: 6}

    def throttle(main: LinkFigures) -> None:
        main.submitted, main.answers, main.throttled = 10, {0: 4, 0x58: 6}, 6
        main.limited_by, main.limit = "throttling", 49.5

    [trouble] = after(link(), refuse)
    assert trouble.what == "link main: the SMSC refuses 60% of the messages"
    [trouble] = after(link(), throttle)
    assert trouble.what == "link main is throttled 1.2 times a second"
    assert trouble.gravity == "odd"
    assert trouble.cure == "set rate of [link.main] to what the provider allows"


def test_an_smsc_that_throttles_all_of_it_is_a_grave_trouble_and_told_within_a_second() -> None:
    def throttle(main: LinkFigures) -> None:
        main.submitted, main.answers, main.throttled = 5, {0x58: 5}, 5
        main.limited_by, main.limit = "throttling", 1.0

    [trouble] = after(link(), throttle)
    assert trouble.what == "link main is throttled 1 times a second, and the SMSC takes nothing"
    assert trouble.gravity == "bad"
    [trouble] = after(link(), throttle, seconds=1)
    assert (trouble.what, trouble.gravity) == ("link main is throttled 5 times a second", "odd")


def test_a_short_look_knows_when_a_longer_one_may_find_more() -> None:
    def felt(seconds: float, **more: object) -> bool:
        pulse, main = Pulse(), link()
        pulse.feel(daemon(main, now=NOW - seconds))
        for name, value in more.items():
            setattr(main, name, value)
        figures = daemon(main)
        pulse.feel(figures)
        return undecided(figures, pulse)

    assert felt(1)
    assert not felt(1, submitted=5)
    assert not felt(1, submitted=5, answers={0: 5})
    assert felt(1, submitted=5, answers={0: 2, 0x0B: 3})
    assert felt(1, submitted=5, answers={0x58: 5}, throttled=5)
    assert not felt(5)


def test_receipts_about_nothing_that_is_known_are_told_once_they_have_waited() -> None:
    strange = {"parked_receipts": 2000, "oldest_parked": NOW - 61}
    [(gravity, what)] = found(daemon(**strange))
    assert (gravity, what) == ("odd", "2,000 receipts are about messages that nobody knows")
    assert found(daemon(**strange | {"oldest_parked": NOW - 59})) == []
    assert found(daemon(**strange | {"parked_receipts": 99})) == []


def test_messages_that_do_not_leave_though_every_link_is_well() -> None:
    def nothing(main: LinkFigures) -> None:
        main.sessions[0].in_flight = 0

    [trouble] = after(link(), nothing, oldest_queued=NOW - 61)
    assert trouble.what == "messages wait for 1 min 1 s and none leaves"
    assert after(link(), nothing, oldest_queued=NOW - 29) == []
    assert after(link(), nothing, oldest_queued=None) == []
    damaged = {"messages of lane normal of main": "message 7 cannot be read"}
    [trouble] = after(link(), nothing, oldest_queued=NOW - 61, damaged=damaged)
    assert trouble.what == "the journal is damaged: messages of lane normal of main wait"


def test_messages_that_wait_for_a_link_or_a_stop_are_no_trouble_of_their_own() -> None:
    def nothing(main: LinkFigures) -> None:
        main.sessions[0].in_flight = 0

    lost = link(state="backoff", unbound_since=NOW - 100)
    assert [each.link for each in after(lost, nothing, oldest_queued=NOW - 61)] == ["main"]
    [drain] = after(link(), nothing, oldest_queued=NOW - 61, stopping=True)
    assert drain.gravity == "note"


def test_the_rest_of_what_may_be_wrong_the_gravest_first() -> None:
    main = link()
    main.sessions[0].certificate_expires = NOW + 3 * 86_400
    figures = daemon(
        main,
        states={"queued": 100, "delivered": 890, "unknown": 12},
        accounts=[
            AccountFigures("shop", unreachable_since=NOW - 60, last_error="cannot connect"),
            AccountFigures("books", paused="NO_CREDITS (smppd)"),
        ],
        outlets=[OutletFigures("webhook:crm", failing_since=NOW - 61, last_error="HTTP 500")],
        campaigns=[
            CampaignFigures("spring", "a.csv", read=True, total=9, done=1, states={}, held="canary")
        ],
        rooms=[RoomFigures("/var/spool", 100 * GIB, 3 * GIB, 2 * GIB)],
        loop=LoopFigures(tail=0.3, most=1.25),
        configuration=ConfigFigures(refused=["smppd.toml: spool.pth: unknown key"]),
    )
    assert found(figures) == [
        ("bad", "account books is paused"),
        ("bad", "the accounts are out by -2"),
        ("odd", "/var/spool has 3.0 GiB left"),
        ("odd", "the certificate of link main's SMSC expires in 3 d 0 h"),
        ("odd", "account shop gets no answers"),
        ("odd", "12 held: nobody knows whether the SMSC took them"),
        ("odd", "events do not get out to webhook:crm for 1 min 1 s"),
        ("odd", "everything is late by up to 1.2 s"),
        ("odd", "the last reload was refused: what was in force still is"),
        ("note", "campaign spring is held"),
    ]


def test_a_full_disk_comes_first_and_is_told_once() -> None:
    rooms = [RoomFigures("/var/spool", 100 * GIB, 0, GIB)]
    figures = daemon(link(state="backoff"), disk={"journal": "No space left"}, rooms=rooms)
    told = troubles(figures, Pulse())
    assert [each.what for each in told] == [
        "journal cannot go on: the disk",
        "link main is not bound",
    ]
    assert told[0].why == "No space left"


def test_a_picture_knows_which_link_is_in_trouble() -> None:
    well, lost = link("well"), link("lost", state="backoff")
    lost.sessions[0].refused = "auth_failed"
    seen = picture(daemon(well, lost), Pulse())
    assert [(each.name, each.state, each.gravity) for each in seen.links] == [
        ("well", "bound", None),
        ("lost", "auth failed", "bad"),
    ]
    assert [(lane.name, lane.queued, lane.oldest) for lane in seen.lanes] == [
        ("high", 0, None),
        ("normal", 80, 20.0),
        ("bulk", 20, 7.0),
    ]
