"""What is wrong, with the reason and the cure, the gravest first: what is to be read in five seconds.

A pure decision over the figures and what was felt of late. Raises nothing.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain
from typing import Literal

import msgspec

from smppd.figures import AccountFigures, DaemonFigures, LinkFigures, cure_of_pause
from smppd.vitals.pulse import SPAN, Flow, Pulse
from smppd.vitals.words import for_so_long, so_large

#: "bad": messages do not get through. "odd": somebody should look. "note": good to know.
Gravity = Literal["bad", "odd", "note"]

#: A certificate that expires within so many days is told of.
EXPIRES_SOON = 14 * 86_400
#: Seconds by which the event loop may be late now and then.
LATE = 0.25
#: Below so many times `min_free` the disk is told of, and where nobody set one, below such a share.
ROOM = 2
ROOM_SHARE = 0.03
#: Seconds that a first bind may take without a word.
PATIENCE = 10.0
#: Seconds for which messages may wait without any leaving.
STUCK = 30.0
#: A link that was lost so often in ten minutes flaps.
FLAPS = 5
#: So many receipts without a message, the oldest of them for so many seconds, are told of.
STRANGE, STRANGE_FOR = 100, 60.0

_ORDER: tuple[Gravity, ...] = ("bad", "odd", "note")
_BINDS = {
    "auth_failed": "correct system_id or password, then: smppd reload (systemctl restart smppd where the"
    " unit hands the password over)",
    "operator": "ask the provider; then: smppd check --connect",
    "already_bound": "look for another client of this account, or ask for more sessions",
    "retry_later": "nothing but wait: it is tried again by itself",
}
_UNREACHED = "is the SMSC up, are host and port right? smppd check --connect tries it"


class Trouble(msgspec.Struct, frozen=True):
    """Something that is wrong: in which way, why, and what to do. `link` is whose it is, if any's;
    `quotes`: why is in the words of a program of somebody else's."""

    gravity: Gravity
    what: str
    why: str = ""
    cure: str = ""
    link: str = ""
    quotes: bool = False


def troubles(figures: DaemonFigures, pulse: Pulse) -> list[Trouble]:
    """All that is wrong now, the gravest first."""
    working = () if figures.stopping else figures.links  # else they close, as they should
    links = [each for link in working for each in _link(link, pulse, figures.now)]
    found = chain(
        _disk(figures),
        links,
        chain.from_iterable(map(_account, figures.accounts)),
        () if links or figures.stopping else _stuck(figures, pulse),
        _books(figures),
        _outlets(figures),
        _machine(figures),
        _notes(figures),
    )
    return sorted(found, key=lambda each: _ORDER.index(each.gravity))


def _link(link: LinkFigures, pulse: Pulse, now: float) -> Iterator[Trouble]:
    name, flow = link.name, pulse.flow(link.name)
    if link.paused:
        yield Trouble("bad", f"link {name} is paused", link.paused, cure_of_pause(name), name)
    if link.lost_lately >= FLAPS:
        what = f"link {name} was lost {link.lost_lately} times in ten minutes"
        cure = (
            "network, a NAT that forgets idle connections (enquire_link_interval), or the provider?"
        )
        yield Trouble("odd", what, link.last_error, cure, name)
    if link.missing:
        yield _unbound(link, now)
        return
    bound, wanted = link.bound, len(link.sessions)
    if bound < wanted:
        what = f"link {name} has {bound} of {wanted} sessions"
        yield Trouble("odd", what, link.last_error, _cure(link), name)
    yield from _flowing(link, flow)
    expires = link.certificate_expires
    if expires is not None and expires - now < EXPIRES_SOON:
        what = f"the certificate of link {name}'s SMSC expires in {for_so_long(expires - now)}"
        yield Trouble("odd", what, "", "ask the provider for when it is renewed", name)


def _unbound(link: LinkFigures, now: float) -> Trouble:
    name, since = link.name, link.unbound_since
    if not link.bound:
        lasted = "" if since is None else f" for {for_so_long(now - since)}"
        why = link.last_error or "the first bind is under way"
        begun = since is not None and now - since < PATIENCE
        gravity: Gravity = "note" if begun and not link.last_error else "bad"
        return Trouble(gravity, f"link {name} is not bound{lasted}", why, _cure(link), name)
    missing = link.missing[0]
    what = f"link {name} is not bound as {missing}"
    lacks = "receipts wait at the SMSC" if missing == "receiver" else "nothing is submitted"
    gravity = "odd" if missing == "receiver" else "bad"
    why = f"{lacks}; {link.last_error}" if link.last_error else lacks
    return Trouble(gravity, what, why, _cure(link), name)


def _cure(link: LinkFigures) -> str:
    return _BINDS.get(link.bind_state, _UNREACHED)


def _flowing(link: LinkFigures, flow: Flow) -> Iterator[Trouble]:
    """What its submits meet with."""
    name, long = link.name, flow.seconds >= SPAN - 1
    if long and _is_silent(link, flow):
        what = f"link {name} gets no answers: {link.in_flight:,} submits wait"
        cure = "without an answer to enquire_link it is opened anew; if not: ask the provider"
        yield Trouble("bad", what, f"none in {flow.seconds:.0f} s", cure, name)
    elif long and (share := _refused(flow)):
        what = f"link {name}: the SMSC refuses {share:.0%} of the messages"
        yield Trouble("odd", what, "", "smppd status says with which status", name)
    if link.limited_by in ("throttling", "congestion") and flow.throttled:
        nothing = long and not flow.taken
        what = f"link {name} is throttled {flow.throttled:.2g} times a second"
        if nothing:
            what += ", and the SMSC takes nothing"
        cure = f"set rate of [link.{name}] to what the provider allows"
        why = f"it is given {link.limit:.3g} parts/s"
        yield Trouble("bad" if nothing else "odd", what, why, cure, name)


def _is_silent(link: LinkFigures, flow: Flow) -> bool:
    return bool(link.in_flight) and not flow.answered and not flow.submitted


def _refused(flow: Flow) -> float:
    """Which share of the answers, where that is most of them."""
    refused = flow.answered - flow.taken - flow.throttled
    return refused / flow.answered if refused > flow.answered / 2 else 0.0


def of_late(figures: DaemonFigures, pulse: Pulse) -> Iterator[Trouble]:
    """What is wrong with what flows, for who knows the rest."""
    bound = [link for link in figures.links if not link.missing and not link.paused]
    found = [each for link in bound for each in _flowing(link, pulse.flow(link.name))]
    yield from found or (_stuck(figures, pulse) if len(bound) == len(figures.links) else ())


def undecided(figures: DaemonFigures, pulse: Pulse) -> bool:
    """Whether a look after more seconds may find what these were too few for."""
    flows = [(link, pulse.flow(link.name)) for link in figures.links if not link.missing]
    young = any(flow.seconds < SPAN - 1 for _, flow in flows)
    waits = figures.oldest_queued is not None and figures.now - figures.oldest_queued > STUCK
    return young and any(
        _is_silent(link, flow) or _refused(flow) or (not flow.taken and (flow.throttled or waits))
        for link, flow in flows
    )


def _account(account: AccountFigures) -> Iterator[Trouble]:
    name = account.name
    if account.paused:
        cure = cure_of_pause(name)
        yield Trouble("bad", f"account {name} is paused", account.paused, cure, name)
    elif account.unreachable_since is not None:
        what, cure = f"account {name} gets no answers", "is the provider up? its calls wait"
        yield Trouble("odd", what, account.last_error, cure, name)


def _stuck(figures: DaemonFigures, pulse: Pulse) -> Iterator[Trouble]:
    """Messages could leave, every link is well, and none does; that nobody knows why."""
    if figures.damaged:
        return
    flow = pulse.flow(*(link.name for link in figures.links))
    oldest, left = figures.oldest_queued, flow.submitted + flow.answered
    if oldest is not None and figures.links and flow.seconds >= SPAN - 1 and not left:
        waited = figures.now - oldest
        if waited > STUCK:
            what = f"messages wait for {for_so_long(waited)} and none leaves"
            cure = "is there a link for them? smppd status shows what is queued for whom"
            yield Trouble("bad", what, "", cure)


def _books(figures: DaemonFigures) -> Iterator[Trouble]:
    """Messages that are not as they should be."""
    if balance := figures.accepted - sum(figures.states.values()):
        what, cure = f"the accounts are out by {balance:,}", "a fault of smppd's: smppd audit"
        yield Trouble("bad", what, "accepted messages are not the sum of all states", cure)
    for what, why in figures.damaged.items():
        cure = "smppd audit says what is; then see Disaster in the operators' manual"
        yield Trouble("bad", f"the journal is damaged: {what} wait", why, cure)
    parked, since = figures.parked_receipts, figures.oldest_parked
    if parked >= STRANGE and since is not None and figures.now - since > STRANGE_FOR:
        what = f"{parked:,} receipts are about messages that nobody knows"
        cure = "does another program send over the account? else set message_id_form of the link"
        yield Trouble("odd", what, f"the oldest for {for_so_long(figures.now - since)}", cure)
    if unknown := figures.states.get("unknown", 0):
        what = f"{unknown:,} held: nobody knows whether the SMSC took them"
        cure = "a receipt may tell yet; smppd requeue sends again, perhaps twice"
        yield Trouble("odd", what, "no answer came, or it was lost with its connection", cure)


def _outlets(figures: DaemonFigures) -> Iterator[Trouble]:
    for outlet in figures.outlets:
        if outlet.failing_since is not None:
            lasted = for_so_long(figures.now - outlet.failing_since)
            what = f"events do not get out to {outlet.name} for {lasted}"
            cure = "mend the receiver: they wait for it"
            yield Trouble("odd", what, outlet.last_error, cure, quotes=True)


def _disk(figures: DaemonFigures) -> Iterator[Trouble]:
    for what, why in figures.disk.items():
        cure = "free space or mend the disk: it goes on by itself, and nothing is lost"
        yield Trouble("bad", f"{what} cannot go on: the disk", why, cure)
    if figures.disk:
        return
    for room in figures.rooms:
        least = room.least * ROOM or room.octets * ROOM_SHARE
        if room.free < least:
            stop = f"below {so_large(room.least)} nothing more is claimed" if room.least else ""
            what = f"{room.place} has {so_large(room.free)} left"
            yield Trouble("odd", what, stop, "free space, or keep less: [retention]")


def _machine(figures: DaemonFigures) -> Iterator[Trouble]:
    if figures.loop.tail > LATE:
        what = f"everything is late by up to {figures.loop.most:.1f} s"
        cure = "what else runs here? more CPU, or fewer files and links"
        yield Trouble("odd", what, "the event loop does not get to its work", cure)


def _notes(figures: DaemonFigures) -> Iterator[Trouble]:
    for refused in figures.configuration.refused[:1]:
        what = "the last reload was refused: what was in force still is"
        yield Trouble("odd", what, refused, "smppd check names all mistakes; then: smppd reload")
    if figures.stopping:
        yield Trouble(
            "note", "the daemon drains before it stops", "", "links give back, then close"
        )
    for each in figures.fallbacks:
        what = f"messages of {each.what} go over account {each.account}"
        yield Trouble("odd", what, f"{each.what} is down", "")
    for campaign in figures.campaigns:
        if campaign.held:
            what = f"campaign {campaign.campaign} is held"
            yield Trouble("note", what, campaign.held, "smppd resume --campaign lets it go on")
