"""`smppd status`: what the running daemon is doing, asked over its control socket."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from pathlib import Path
from time import gmtime, strftime
from typing import Any

import msgspec

from smppd.cli.settings import find_control, read_config
from smppd.cli.terminal import CommandError, Terminal, plural
from smppd.config import Config
from smppd.control import ControlRefused, ControlUnavailable, ask
from smppd.figures import (
    AccountFigures,
    CampaignFigures,
    ChatFigures,
    ConfigFigures,
    DaemonFigures,
    FallbackFigures,
    Histogram,
    LinkFigures,
    LoopFigures,
    MatchingFigures,
    OutletFigures,
    PlaceFigures,
    RouteFigures,
    TraceFigures,
)
from smppd.smpp.vocabulary import status_name
from smppd.vitals.words import for_so_long, limit_of, so_large, so_soon


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """See `cli.Command`."""
    parser.add_argument("--json", action="store_true", help="print everything as JSON")


def main(arguments: argparse.Namespace, terminal: Terminal) -> int:
    """See `cli.Command`."""
    answer = ask_anyway(arguments, "status")
    if arguments.json:
        terminal.say_json(answer)
    else:
        for line in overview(msgspec.convert(answer, DaemonFigures, strict=False)):
            terminal.say(line)
    return 0


def ask_daemon(
    config: Config, command: str, timeout: float = 10.0, /, **arguments: Any
) -> dict[str, Any]:
    """The daemon's answer, within `timeout` seconds. Raises `CommandError` when there is none, or
    it is no."""
    return ask_on(config.observe.control, command, timeout, **arguments)


def ask_anyway(
    arguments: argparse.Namespace, command: str, timeout: float = 10.0, /
) -> dict[str, Any]:
    """As `ask_daemon`, of the daemon that the configuration names, which may have mistakes otherwise.
    Raises `Misconfigured` with them only where nobody answers."""
    try:
        return ask_on(find_control(arguments), command, timeout)
    except CommandError:
        read_config(arguments)
        raise


def ask_on(
    control: Path, command: str, timeout: float = 10.0, /, **arguments: Any
) -> dict[str, Any]:
    """As `ask_daemon`, of the daemon that listens there."""
    try:
        return ask(control, command, timeout, **arguments)
    except (ControlUnavailable, ControlRefused) as error:
        raise CommandError(str(error)) from None


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
    yield from _journal(figures)
    yield from _loop(figures.loop)
    yield from (_trace(trace, figures.now) for trace in figures.traces)
    yield from (f"disk       {what} cannot go on: {why}" for what, why in figures.disk.items())
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
    rate = f", {campaign.rate:,.0f}/s" if campaign.rate else ""
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


def link_lines(link: LinkFigures, now: float) -> Iterator[str]:
    """All that is known of a link."""
    rate = f", {link.rate:g} parts/s" if link.rate else ""
    yield (
        f"link {link.name}: {link.bound} of {len(link.sessions)} bound as {link.bind}, "
        f"{link.in_flight} in flight of {link.slots}{rate}"
    )
    pairs = len({session.bind for session in link.sessions}) > 1
    yield from _limits(link)
    for number, session in enumerate(link.sessions, start=1):
        kind = f"{session.bind} " if pairs else ""
        since = "" if session.since is None else f" for {for_so_long(now - session.since)}"
        yield (
            f"  session {number}   {kind}{session.state}{since}, {session.address}, "
            f"{session.in_flight} in flight"
        )
    if pairs and link.missing == ["receiver"]:
        yield "  receipts    no receiver is bound: receipts wait at the SMSC"
    yield f"  parts       {_parts(link)}"
    if link.latency.total:
        yield f"  latency     {_quantiles(link.latency)}"
    if link.receipts or link.received:
        states = ", ".join(f"{count:,} {state}" for state, count in link.receipts.items())
        yield f"  receipts    {states or 'none'}; {link.received:,} messages from handsets"
    for name, counts in (("query_sm", link.queries), ("cancel_sm", link.cancels)):
        if counts:
            yield f"  {name:<11} {', '.join(f'{n:,} {outcome}' for outcome, n in counts.items())}"
    yield f"  matching    {_matching(link.matching)}"
    yield (
        f"  connection  {link.connects:,} opened, {link.losses:,} lost, "
        f"{link.bind_refusals:,} binds refused, {link.oddities:,} oddities"
    )
    if link.certificate_expires is not None:
        until = strftime("%Y-%m-%d", gmtime(link.certificate_expires))
        yield f"  TLS         the SMSC's certificate is valid until {until}"
    if link.bind_state not in ("bound", "unbound"):
        yield f"  bind        refused: {link.bind_state}"
    if link.last_error:
        yield f"  last error  {link.last_error}"


def account_lines(account: AccountFigures, now: float) -> Iterator[str]:
    """All that is known of an account."""
    rate = f", {account.rate:g} calls/s" if account.rate else ""
    yield (
        f"account {account.name}: {account.in_flight} of {account.connections} calls under way, "
        f"{account.queued:,} queued{rate}, {account.url}"
    )
    if account.paused:
        yield f"  paused      {account.paused}; when it is put right: smppd resume {account.name}"
    if account.unreachable_since is not None:
        since = for_so_long(now - account.unreachable_since)
        yield f"  no answers  for {since}; its calls wait until the provider answers"
    done = ", ".join(f"{count:,} {outcome}" for outcome, count in account.outcomes.items())
    yield f"  calls       {done or 'none'}"
    if account.seconds.total:
        yield f"  latency     {_quantiles(account.seconds)}"
    if account.last_error:
        yield f"  last error  {account.last_error}"


def _limits(link: LinkFigures) -> Iterator[str]:
    """What keeps it from submitting more."""
    if link.paused:
        yield f"  paused      {link.paused}; when it is put right: smppd resume {link.name}"
    if not link.limited_by or link.paused:
        return
    yield f"  limited by  {limit_of(link)}"


def _parts(link: LinkFigures) -> str:
    answers = "".join(
        f", {count:,} {status_name(status)}" for status, count in sorted(link.answers.items())
    )
    return (
        f"{link.submitted:,} submitted{answers}; {link.unanswered:,} without an answer, "
        f"{link.late:,} answered late, {link.ready:,} ready to leave"
    )


def _matching(matching: MatchingFigures) -> str:
    """How receipts name their messages, and what was odd about them."""
    how = "as configured" if matching.configured else "as learnt"
    form = f"message_id_form {matching.form} ({how})" if matching.form else "nothing learnt yet"
    odd = {
        "parked": matching.parked,
        "repeated": matching.duplicates,
        "contradicting an earlier one": matching.contradictions,
        "message_ids given twice": matching.id_conflicts,
        "settled what was unknown": matching.settled,
        "from another handset": matching.elsewhere,
        "no receipts after all": matching.unproven,
    }
    return "".join((form, *(f"; {count:,} {what}" for what, count in odd.items() if count)))


def _journal(figures: DaemonFigures) -> Iterator[str]:
    """Its commits; how much it has, and what is gone from it."""
    journal = figures.journal
    commits = f"{journal.commits:,} commits of {journal.rows:,} rows"
    yield (
        f"journal    {commits}, {_quantiles(journal.commit_seconds)}"
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


def _quantiles(histogram: Histogram) -> str:
    median, tail = histogram.quantile(0.5), histogram.quantile(0.99)
    return f"half within {so_soon(median)}, 99 % within {so_soon(tail)}"
