"""`NAME.report.html`: a report for people, one file that needs nothing else, to look at and to print.

Whatever stands in it was escaped: names come from outside. No text of a message is in a report, so none
is here. Pure, but for the template, which is read once.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, NamedTuple

from smppd.config import Html
from smppd.results import charts
from smppd.results.totals import Cost, Totals

if TYPE_CHECKING:
    from jinja2 import Template

#: Where nothing else is said, files of fewer messages have no page: their results are as short.
FEWEST_MESSAGES = 50
PAGE = ".report.html"


def wants_page(html: Html, messages: int) -> bool:
    """Whether a file of so many messages has a page."""
    return html == "always" or (html == "auto" and messages >= FEWEST_MESSAGES)


class Headline(NamedTuple):
    """One of the numbers at the top."""

    what: str
    number: str
    beside: str = ""


def render_page(report: Totals) -> bytes:
    """The page of a report, in UTF-8."""
    countries = charts.shares(report.countries)
    errors = charts.counts(report.errors, "failed")
    timeline = charts.columns(report.timeline) if report.timeline else None
    text = _template().render(
        report=report,
        headlines=_headlines(report),
        facts=_facts(report),
        states=charts.stacked(report.states),
        countries=countries,
        country_bars=charts.bars(countries),
        errors=errors,
        error_bars=charts.bars(errors),
        timeline=timeline,
        links=charts.shares(report.links),
        encodings=charts.counts(report.encodings, "sent"),
        lengths=charts.counts(
            {_counted(each, "part"): n for each, n in report.lengths.items()}, "sent"
        ),
        cost=_cost_rows(report.cost) if report.cost else [],
        counted=_counted,
        width=charts.WIDTH,
        height=charts.COLUMNS_HEIGHT,
    )
    # Half of a surrogate pair can be in a name of old; no encoding has it.
    return text.encode(errors="replace")


@cache
def _template() -> Template:
    from jinja2 import (  # noqa: PLC0415 (only where a page is made)
        Environment,
        PackageLoader,
        StrictUndefined,
    )

    environment = Environment(
        loader=PackageLoader("smppd.results"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return environment.get_template("report.html")


def _headlines(report: Totals) -> list[Headline]:
    states, total = report.states, report.messages
    accepted = total - states.get("rejected", 0) - states.get("duplicate", 0)
    delivered = states.get("delivered", 0)
    lost = sum(states.get(each, 0) for each in ("undelivered", "failed", "expired", "rejected"))
    found = [
        Headline("messages", f"{total:,}", _counted(report.parts, "part")),
        Headline("delivered", charts.share_of(delivered, accepted), _counted(delivered, "message")),
        Headline("not delivered", f"{lost:,}", charts.share_of(lost, total)),
    ]
    if unknown := states.get("unknown", 0):
        found.append(Headline("in doubt", f"{unknown:,}", "nobody knows whether they left"))
    if report.cost:
        doubles = report.cost.possible_duplicates
        more = f"up to {charts.money(doubles)} more for possible duplicates" if doubles else ""
        amount = charts.money(report.cost.estimated, report.cost.currency)
        found.append(Headline("estimated cost", amount, more))
    return found


def _facts(report: Totals) -> list[tuple[str, str]]:
    """What else is known, each with its name."""
    rate = f"{report.rate:,} messages/s" if report.rate else "-"
    found = [
        ("Handed in", charts.moment(report.handed_in)),
        ("First submitted", charts.moment(report.first_submitted)),
        ("Last submitted", charts.moment(report.last_submitted)),
        ("Last result", charts.moment(report.last_done)),
        ("Rate", rate),
        ("Lane", report.lane),
    ]
    if report.possible_duplicates:
        found.append(("Possible duplicates", _counted(report.possible_duplicates, "message")))
    if report.destinations:
        reached = sum(report.destinations.values())
        found.append(("Destinations of groups", f"{reached:,}"))
    for name, value in (report.terms or {}).items():
        found.append((f"Campaign: {name}", _term(value)))
    return found


def _term(value: object) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{name} {each}" for name, each in value.items())
    return "yes" if value is True else str(value)


def _cost_rows(cost: Cost) -> list[tuple[str, str]]:
    found = [(state, charts.money(each, cost.currency)) for state, each in cost.by_state.items()]
    return [*found, ("total", charts.money(cost.estimated, cost.currency))]


def _counted(count: int, thing: str) -> str:
    return f"{count:,} {thing}" if count == 1 else f"{count:,} {thing}s"
