"""A report for people, as lines. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from smppd.cli.table import Records, table
from smppd.cli.terminal import plural
from smppd.results.charts import counts, moment, money, share_of, shares, stacked
from smppd.results.totals import Cost, Share, Totals


def in_words(totals: Totals, columns: int | None = None) -> Iterator[str]:
    """What a file or campaign came to."""
    files = f" in {plural(len(totals.files), 'file')}" if totals.files else ""
    state = "complete" if totals.complete else "not complete yet"
    yield f"{totals.campaign or totals.file}: {plural(totals.messages, 'message')}{files}, {state}"
    if totals.first_submitted is not None:
        rate = f", {totals.rate:,} messages/s" if totals.rate else ""
        yield f"submitted  {moment(totals.first_submitted)} to {moment(totals.last_submitted)}{rate}"
    if totals.possible_duplicates:
        yield f"doubtful   {plural(totals.possible_duplicates, 'possible duplicate')}"
    if totals.cost:
        yield from _cost(totals.cost)
    yield ""
    states: Records = [
        {"state": each.state, "messages": f"{each.messages:,}", "share": each.percent}
        for each in stacked(totals.states)
    ]
    yield from table(states, columns)
    currency = totals.cost.currency if totals.cost else ""
    for what, found in (("country", totals.countries), ("link", totals.links)):
        if found:
            yield ""
            yield from table(_shares(what, found, currency), columns)
    lengths = {plural(length, "part"): count for length, count in totals.lengths.items()}
    tables = (("encoding", totals.encodings), ("length", lengths), ("error", totals.errors))
    for what, numbers in tables:
        if numbers:
            yield ""
            yield from table(_counts(what, numbers), columns)
    yield ""


def _cost(cost: Cost) -> Iterator[str]:
    about = f" (of messages that are {', '.join(cost.counted)})"
    yield f"estimated  {money(cost.estimated, cost.currency)}{about}"
    if cost.possible_duplicates:
        more = money(cost.possible_duplicates, cost.currency)
        yield f"           {more} more if possible duplicates were delivered twice"
    if cost.unpriced:
        yield f"           without {plural(cost.unpriced, 'message')} for which there is no price"


def _shares(what: str, found: Mapping[str, Share], currency: str) -> Records:
    return [
        {
            what: row.name,
            "messages": f"{row.messages:,}",
            "parts": f"{row.parts:,}",
            "delivered": row.delivered,
        }
        | ({currency: row.cost} if currency else {})
        for row in shares(found)
    ]


def _counts(what: str, found: Mapping[str, int]) -> Records:
    total = sum(found.values())
    return [
        {
            what: row.name,
            "messages": f"{row.messages:,}",
            "share": share_of(row.messages, total),
        }
        for row in counts(found, "")
    ]
