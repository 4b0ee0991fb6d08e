"""What `status` says of a daemon, line by line. Pure."""

from __future__ import annotations

from collections.abc import Iterator

from smppd.cli.link_words import account_lines, link_lines, quantiles
from smppd.cli.terminal import plural
from smppd.figures import (
    CampaignFigures,
    ChatFigures,
    ConfigFigures,
    DaemonFigures,
    FallbackFigures,
    LoopFigures,
    OutletFigures,
    PlaceFigures,
    RouteFigures,
    TraceFigures,
)
from smppd.vitals.words import for_so_long, so_fast, so_large


def overview(figures: DaemonFigures) -> Iterator[str]:
    """Everything that an operator wants to see at a glance."""
    stopping = ", stopping" if figures.stopping else ""
    yield (
        f"smppd {figures.version}, pid {figures.pid}, running for "
        f"{for_so_long(figures.now - figures.started)}{stopping}"
    )
    yield from _configuration(figures.configuration, figures.now)
    yield ""
    yield f"messages   {figures.accepted:,} accepted"
    for state, count in figures.states.items():
        if count:
            yield f"           {count:>12,} {state}{_lanes(figures) if state == 'queued' else ''}"
    yield ""
    for link in figures.links:
        yield from link_lines(link, figures.now)
    for account in figures.accounts:
        yield from account_lines(account, figures.now)
    for route in figures.routes:
        yield _route(route)
    for fallback in figures.fallbacks:
        yield _fallback(fallback, figures.now)
    for chat in figures.chats:
        yield _chat(chat, figures.now)
    for outlet in figures.outlets:
        yield from _outlet(outlet, figures.now)
    yield ""
    spool = figures.spool
    yield (
        f"files      {spool.claimed:,} claimed, {spool.reported:,} reported, "
        f"{spool.quarantined:,} bad, {figures.open_files:,} open"
    )
    yield from map(_campaign, figures.campaigns)
    if figures.more_campaigns:
        yield f"           and {figures.more_campaigns:,} more campaigns"
    yield from _journal(figures)
    yield from _loop(figures.loop)
    yield from (_trace(trace, figures.now) for trace in figures.traces)
    yield from (f"disk       {what} cannot go on: {why}" for what, why in figures.disk.items())
    yield from (f"damaged    {what} wait: {why}" for what, why in figures.damaged.items())
    yield from _kept_back(figures)
    yield (
        f"receipts   {figures.unmatched_receipts:,} matched nothing when they came, "
        f"{figures.parked_receipts:,} still wait for their message{_oldest_parked(figures)}"
    )
    yield from _places(figures)


def _configuration(configuration: ConfigFigures, now: float) -> Iterator[str]:
    """Since when it is in force, and why the last one was not taken over."""
    if configuration.file:
        loaded = for_so_long(now - configuration.loaded)
        yield f"configuration {configuration.file}, in force for {loaded}"
    if configuration.refused_at is not None:
        ago = for_so_long(now - configuration.refused_at)
        yield f"last reload refused {ago} ago, nothing has changed:"
        yield from (f"  {why}" for why in configuration.refused)


def _campaign(campaign: CampaignFigures) -> str:
    """A file that is open."""
    name = (
        campaign.file
        if campaign.campaign == campaign.file
        else f"{campaign.campaign} ({campaign.file})"
    )
    so_far = "" if campaign.read else " so far"
    waiting = campaign.states.get("queued", 0)
    queued = f", {waiting:,} queued" if waiting else ""
    rate = f", {so_fast(campaign.rate)}/s" if campaign.rate else ""
    left = "" if campaign.time_left is None else f", {for_so_long(campaign.time_left)} left"
    held = f"; {campaign.held}" if campaign.held else ""
    return (
        f"campaign   {name}: {campaign.done:,} of {campaign.total:,}{so_far} done"
        f"{queued}{rate}{left}{held}"
    )


def _kept_back(figures: DaemonFigures) -> Iterator[str]:
    optouts = figures.optouts
    if optouts.entries or optouts.barred or optouts.removed:
        yield (
            f"opt-outs   {optouts.entries:,} in the list ({optouts.added:,} added, "
            f"{optouts.removed:,} removed); {plural(optouts.barred, 'message')} kept back"
        )
    cap = figures.cap
    if cap.most:
        yield (
            f"cap        {plural(cap.most, 'message')} a day for a number: "
            f"{plural(cap.held, 'time')} one was held till the next day, {cap.rejected:,} rejected"
        )


def _places(figures: DaemonFigures) -> Iterator[str]:
    for place in figures.places:
        if place.files or place.removed_files:
            yield _place(place, figures.now)


def _place(place: PlaceFigures, now: float) -> str:
    """How much lies in a place of the spool, as it was at the last look."""
    oldest = "" if place.oldest is None else f", the oldest for {for_so_long(now - place.oldest)}"
    removed = f"; {place.removed_files:,} removed" if place.removed_files else ""
    kept = f"{plural(place.files, 'file')}, {so_large(place.octets)}{oldest}{removed}"
    return f"{place.name + '/':<10} {kept}"


def _route(route: RouteFigures) -> str:
    links = [f"{link} (out)" if link in route.out else link for link in route.links]
    return f"route {route.name}: {route.queued:,} queued for {', '.join(links)}"


def _fallback(fallback: FallbackFigures, now: float) -> str:
    """A link or route for which an account stands in."""
    stay = f", {fallback.stay:,} cannot and wait for it" if fallback.stay else ""
    return (
        f"fallback   {fallback.what} is down: over account {fallback.account} for "
        f"{for_so_long(now - fallback.since)}, {fallback.messages:,} messages{stay}"
    )


def _chat(chat: ChatFigures, now: float) -> str:
    """A channel whose chats are fetched."""
    last = chat.last_poll
    polled = "never polled yet" if last is None else f"polled {for_so_long(now - last)} ago"
    errors = f", {plural(chat.errors, 'error')}" if chat.errors else ""
    return (
        f"chat {chat.account} {chat.platform}/{chat.platformid}: {chat.received:,} received, "
        f"{plural(chat.conversations, 'conversation')}, {polled}{errors}"
    )


def _trace(trace: TraceFigures, now: float) -> str:
    """A link of which somebody wants to see everything."""
    readable = ", texts readable" if trace.readable else ""
    return (
        f"trace      of link {trace.link} by {trace.who}: {plural(trace.pdus, 'PDU')}, {so_large(trace.octets)}"
        f"{readable}, for {for_so_long(trace.until - now)} yet; in {trace.folder}"
    )


def _outlet(outlet: OutletFigures, now: float) -> Iterator[str]:
    """A way that events leave."""
    aside = f", {outlet.given_up:,} put aside" if outlet.given_up else ""
    since = outlet.waiting_since
    behind = "" if since is None else f", the next happened {for_so_long(now - since)} ago"
    if outlet.behind and since is not None:
        behind = f", {plural(outlet.behind, 'fact')} behind{behind}"
    name = outlet.name.replace(":", " ")
    yield f"events to {name}: {outlet.delivered:,} delivered{aside}{behind}"
    if outlet.failing_since is not None:
        yield f"  failing     for {for_so_long(now - outlet.failing_since)}: {outlet.last_error}"


def _oldest_parked(figures: DaemonFigures) -> str:
    oldest = figures.oldest_parked
    return "" if oldest is None else f", the oldest for {for_so_long(figures.now - oldest)}"


def _lanes(figures: DaemonFigures) -> str:
    lanes = ", ".join(f"{lane} {count:,}" for lane, count in figures.queued_by_lane.items())
    oldest = figures.oldest_queued
    since = "" if oldest is None else f"; the oldest for {for_so_long(figures.now - oldest)}"
    later = (
        f"; {figures.scheduled:,} wait for a moment, or their campaign" if figures.scheduled else ""
    )
    return f" ({lanes}{later}{since})"


def _journal(figures: DaemonFigures) -> Iterator[str]:
    """Its commits; how much it has, and what is gone from it."""
    journal = figures.journal
    commits = f"{journal.commits:,} commits of {journal.rows:,} rows"
    yield (
        f"journal    {commits}, {quantiles(journal.commit_seconds)}"
        if journal.commits
        else "journal    no commits yet"
    )
    if journal.octets:
        kept = f"{so_large(journal.octets)}, {figures.accepted - journal.removed:,} messages"
        removed = f"; {journal.removed:,} removed" if journal.removed else ""
        left = f", {journal.to_look_at:,} facts to look at for more" if journal.to_look_at else ""
        yield f"           {kept}{removed}{left}"


def _loop(loop: LoopFigures) -> Iterator[str]:
    """By how much all that the daemon does was late in the last minute."""
    if any(loop.delay.counts):
        yield (
            f"event loop late by {loop.usual * 1000:.1f} ms half of the time, within "
            f"{loop.tail * 1000:.1f} ms 99 % of it, at most {loop.most * 1000:.1f} ms in the last minute"
        )
