"""The picture: what `smppd top` draws and the status page shows, as plain values. Pure; raises nothing.

Times are seconds, moments epoch seconds, sizes octets. `half` and `tail`: half of the answers of late came
within so long, and 99 % of them; None when none came.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from smppd.figures import AccountFigures, CampaignFigures, DaemonFigures, LinkFigures, RoomFigures
from smppd.vitals.pulse import Flow, Pulse
from smppd.vitals.troubles import Gravity, Trouble, troubles
from smppd.vitals.words import limit_of


class LinkPicture(msgspec.Struct):
    """One link. `submitted`, `taken`, `receipts`: parts a second of late; `since`: its first session is in
    its state since then."""

    name: str
    gravity: Gravity | None
    state: str
    bound: int
    sessions: int
    in_flight: int
    slots: int
    submitted: float
    taken: float
    receipts: float
    half: float | None
    tail: float | None
    limit: str
    since: float | None
    last_error: str


class AccountPicture(msgspec.Struct):
    """One account. `calls`: answered a second of late."""

    name: str
    gravity: Gravity | None
    state: str
    in_flight: int
    connections: int
    queued: int
    calls: float
    half: float | None
    tail: float | None
    last_error: str


class LanePicture(msgspec.Struct):
    """One lane. `oldest`: for how long the oldest file of it has waited that could leave."""

    name: str
    queued: int
    oldest: float | None


class CampaignPicture(msgspec.Struct):
    """An open file: its name, and counts."""

    name: str
    total: int
    done: int
    read: bool
    queued: int
    rate: float
    time_left: float | None
    held: str


class Picture(msgspec.Struct):
    """Everything at one moment. `unknown` messages are held; `oldest` for how long a message has
    waited that could leave; `late`: by how much the event loop was behind in the last minute."""

    version: str
    pid: int
    started: float
    now: float
    stopping: bool
    troubles: list[Trouble]
    links: list[LinkPicture]
    accounts: list[AccountPicture]
    lanes: list[LanePicture]
    states: dict[str, int]
    accepted: int
    scheduled: int
    oldest: float | None
    unknown: int
    submitted: float
    receipts: float
    half: float | None
    tail: float | None
    campaigns: list[CampaignPicture]
    more_campaigns: int
    open_files: int
    bad_files: int
    receipts_waiting: int
    receipts_unmatched: int
    commit_tail: float | None
    journal: int
    late: float
    late_most: float
    rooms: list[RoomFigures]


def picture(figures: DaemonFigures, pulse: Pulse) -> Picture:
    """How everything stands. `pulse` has felt the figures."""
    wrong, now = troubles(figures, pulse), figures.now
    whole = pulse.flow(*(link.name for link in figures.links))
    journal = figures.journal
    return Picture(
        version=figures.version,
        pid=figures.pid,
        started=figures.started,
        now=now,
        stopping=figures.stopping,
        troubles=wrong,
        links=[_link(link, pulse.flow(link.name), wrong) for link in figures.links],
        accounts=[_account(each, pulse.flow(each.name), wrong) for each in figures.accounts],
        lanes=[
            LanePicture(lane, queued, _age(figures.oldest_by_lane.get(lane), now))
            for lane, queued in figures.queued_by_lane.items()
        ],
        states={state: count for state, count in figures.states.items() if count},
        accepted=figures.accepted,
        scheduled=figures.scheduled,
        oldest=_age(figures.oldest_queued, now),
        unknown=figures.states.get("unknown", 0),
        submitted=_rounded(whole.submitted),
        receipts=_rounded(whole.receipts),
        half=_bound(whole.half),
        tail=_bound(whole.tail),
        campaigns=[_campaign(each) for each in figures.campaigns],
        more_campaigns=figures.more_campaigns,
        open_files=figures.open_files,
        bad_files=figures.spool.quarantined,
        receipts_waiting=figures.parked_receipts,
        receipts_unmatched=figures.unmatched_receipts,
        commit_tail=_bound(journal.commit_seconds.quantile(0.99)),
        journal=journal.octets,
        late=figures.loop.tail,
        late_most=figures.loop.most,
        rooms=figures.rooms,
    )


def _link(link: LinkFigures, flow: Flow, wrong: Sequence[Trouble]) -> LinkPicture:
    return LinkPicture(
        link.name,
        _gravity(link.name, wrong),
        _state(link),
        link.bound,
        len(link.sessions),
        link.in_flight,
        link.slots,
        _rounded(flow.submitted),
        _rounded(flow.taken),
        _rounded(flow.receipts),
        _bound(flow.half),
        _bound(flow.tail),
        limit_of(link),
        link.sessions[0].since if link.sessions else None,
        link.last_error,
    )


def _state(link: LinkFigures) -> str:
    """In a word or two, whatever else is wrong."""
    if not link.bound:
        refused = link.bind_state
        return "not bound" if refused == "unbound" else refused.replace("_", " ")
    if link.paused:
        return "paused"
    return f"no {link.missing[0]}" if link.missing else "bound"


def _account(account: AccountFigures, flow: Flow, wrong: Sequence[Trouble]) -> AccountPicture:
    unreachable = account.unreachable_since is not None
    return AccountPicture(
        account.name,
        _gravity(account.name, wrong),
        "paused" if account.paused else "no answers" if unreachable else "ready",
        account.in_flight,
        account.connections,
        account.queued,
        _rounded(flow.answered),
        _bound(flow.half),
        _bound(flow.tail),
        account.last_error,
    )


def _campaign(campaign: CampaignFigures) -> CampaignPicture:
    return CampaignPicture(
        campaign.campaign,
        campaign.total,
        campaign.done,
        campaign.read,
        campaign.states.get("queued", 0),
        campaign.rate,
        campaign.time_left,
        campaign.held,
    )


def _gravity(link: str, wrong: Sequence[Trouble]) -> Gravity | None:
    return next((each.gravity for each in wrong if each.link == link), None)


def _age(since: float | None, now: float) -> float | None:
    return None if since is None else round(max(0.0, now - since), 1)


def _rounded(rate: float) -> float:
    return round(rate, 1)


def _bound(seconds: float | None) -> float | None:
    """JSON knows no infinity: what took longer than the last bucket took at least twice as long."""
    return 131.072 if seconds == float("inf") else seconds
