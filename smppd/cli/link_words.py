"""A link or an account as `status` and `top` tell of it, line by line. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from time import gmtime, strftime

from smppd.figures import AccountFigures, Histogram, LinkFigures, MatchingFigures, cure_of_pause
from smppd.smpp.vocabulary import status_name
from smppd.vitals.words import for_so_long, limit_of, so_soon


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
        yield f"  latency     {quantiles(link.latency)}"
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
        at = link.last_error_at
        ago = "" if at is None else f" ({for_so_long(now - at)} ago)"
        yield f"  last error  {link.last_error}{ago}"


def account_lines(account: AccountFigures, now: float) -> Iterator[str]:
    """All that is known of an account."""
    rate = f", {account.rate:g} calls/s" if account.rate else ""
    yield (
        f"account {account.name}: {account.in_flight} of {account.connections} calls under way, "
        f"{account.queued:,} queued{rate}, {account.url}"
    )
    if account.paused:
        yield f"  paused      {account.paused}; {cure_of_pause(account.name)}"
    if account.unreachable_since is not None:
        since = for_so_long(now - account.unreachable_since)
        yield f"  no answers  for {since}; its calls wait until the provider answers"
    done = ", ".join(f"{count:,} {outcome}" for outcome, count in account.outcomes.items())
    yield f"  calls       {done or 'none'}"
    if account.seconds.total:
        yield f"  latency     {quantiles(account.seconds)}"
    if account.last_error:
        yield f"  last error  {account.last_error}"


def _limits(link: LinkFigures) -> Iterator[str]:
    """What keeps it from submitting more."""
    if link.paused:
        yield f"  paused      {link.paused}; {cure_of_pause(link.name)}"
    elif link.limited_by:
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


def quantiles(histogram: Histogram) -> str:
    """How long it takes mostly, and nearly always."""
    median, tail = histogram.quantile(0.5), histogram.quantile(0.99)
    return f"half within {so_soon(median)}, 99 % within {so_soon(tail)}"
