"""One HTML file that needs nothing else: what each profile came to, in a table and in curves."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import NamedTuple

from jinja2 import Environment, FileSystemLoader, StrictUndefined, Template

from benchmark.document import Document
from benchmark.drawing import HEIGHT, WIDTH, Chart, chart
from benchmark.figures import BY_KEY, FIGURES, Figure, axis_label, shown
from benchmark.growth_tables import section as growth_section
from benchmark.overview import HEAD, overview
from benchmark.results import Baseline, Run, faults
from benchmark.statistics import Curve

#: What stands at the top of a profile, large.
_HEADLINES = ("rate", "daemon_cpu", "smsc_cpu", "rss", "limit")

#: In place of a figure that cannot be had.
LEFT_OUT = "left out"


class Row(NamedTuple):
    """A row of the table of a profile."""

    title: str
    value: str
    how: str


class BaselineRow(NamedTuple):
    """A plain client beside the daemon."""

    name: str
    rate: str
    cpu: str
    core: str
    times_rate: str
    times_cpu: str
    left_out: str


#: Titles of its columns, but for the reason why one was left out.
BASELINE_HEAD = (
    "plain client, no journal", "messages/s", "CPU per message", "CPU, of one core",
    "smppd: its rate by this one", "smppd: its CPU by this one",
)  # fmt: skip


class Section(NamedTuple):
    """All of one run."""

    run: Run
    settings: str
    faults: list[str]
    headlines: list[tuple[str, str]]
    rows: list[Row]
    charts: list[Chart]
    baselines: list[BaselineRow]


def render(document: Document) -> str:
    """The page."""
    return _template().render(
        document=document,
        names=[run.profile for run in document.runs] + [each.series for each in document.growths],
        head=HEAD,
        baseline_head=BASELINE_HEAD,
        overview=overview(document.runs),
        sections=[_section(run) for run in document.runs],
        growths=[growth_section(growth) for growth in document.growths],
        width=WIDTH,
        height=HEIGHT,
    )


def table(run: Run) -> list[str]:
    """A run for a terminal, line by line."""
    found = ["", f"{run.profile}: {run.about}" + ("" if run.complete else " (time was up)")]
    for row in _rows(run):
        why = f"  {row.how}" if row.value == LEFT_OUT else ""
        found.append(f"  {row.title:<42}{row.value:>16}{why}")
    for each in baseline_rows(run):
        if each.left_out:
            found.append(f"  {each.name}: left out, {each.left_out}")
        else:
            found.append(
                f"  {each.name}: {each.rate}, {each.cpu} a message, {each.core} of a core; "
                f"smppd has {each.times_rate} times its rate, {each.times_cpu} times its CPU"
            )
    return found


@cache
def _template() -> Template:
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return environment.get_template("page.html")


def _section(run: Run) -> Section:
    headlines = [
        (BY_KEY[key].title, shown(BY_KEY[key], run.figures[key]))
        for key in _HEADLINES
        if key in run.figures
    ]
    return Section(
        run, settings(run), faults(run), headlines, _rows(run), charts(run), baseline_rows(run)
    )


def settings(run: Run) -> str:
    """Under which it was run, in one line."""
    return ", ".join(
        f"{name} {value:g}" if isinstance(value, int | float) else f"{name} {value}"
        for name, value in run.settings.items()
    )


def _rows(run: Run) -> list[Row]:
    rows = [
        Row(figure.title, shown(figure, run.figures[figure.key]), figure.how)
        for figure in FIGURES
        if figure.key in run.figures
    ]
    return rows + [Row(BY_KEY[key].title, LEFT_OUT, why) for key, why in run.left_out.items()]


def baseline_rows(run: Run) -> list[BaselineRow]:
    """The baselines of a run, with what the daemon is beside them."""
    return [_baseline_row(each, run) for each in run.baselines]


def _baseline_row(baseline: Baseline, run: Run) -> BaselineRow:
    if baseline.rate is None or baseline.cpu is None:
        return BaselineRow(baseline.name, "-", "-", "-", "-", "-", baseline.left_out)
    rate, cpu = run.figures.get("rate"), run.figures.get("daemon_cpu")
    return BaselineRow(
        baseline.name,
        f"{baseline.rate:,.0f}/s",
        f"{baseline.cpu:,.1f} µs",
        f"{baseline.rate * baseline.cpu / 1e6:.0%}",
        f"{rate / baseline.rate:.2f}" if isinstance(rate, float) and baseline.rate else "-",
        f"{cpu / baseline.cpu:.2f}" if isinstance(cpu, float) and baseline.cpu else "-",
        "",
    )


_SECONDS = Figure("", "", "s", "", "")


def charts(run: Run) -> list[Chart]:
    """Every chart for which the run has curves."""

    def these(*names: str) -> dict[str, Curve]:
        return {name: run.curves[name] for name in names if name in run.curves}

    def megabytes(name: str) -> dict[str, Curve]:
        return {
            name: [each and each / 2**20 for each in curve] for name, curve in these(name).items()
        }

    def seconds(value: float) -> str:
        return axis_label(_SECONDS, value) if value else "0"

    def plain(value: float) -> str:
        return f"{value:,.0f}" if value >= 10 else f"{value:g}"

    waits = these("single p50", "single p99", "high p50", "high p99")
    queued = these("normal p50", "normal p99", "bulk p50", "bulk p99")
    found = [
        chart("Parts sent, messages delivered and submits throttled, a second",
              "facts of answers, of last receipts and of refusals in the journal",
              these("sent/s", "delivered/s", "throttled/s"), run.step, plain),
        chart("From acceptance to submit_sm, high lane", BY_KEY["high_submit_p50"].how,
              these("submit p50", "submit p99"), run.step, seconds),
        chart("From hand-in and from acceptance to the answer, high lane", "times of the journal's facts",
              waits, run.step, seconds),
        chart("From acceptance to the answer, waiting in the queue included", "times of the journal's facts",
              queued, run.step, seconds),
        chart("From submit to answer", BY_KEY["answer_p50"].how,
              these("answers p50", "answers p99"), run.step, seconds),
        chart("CPU, of one core", "/proc, user and system",
              these("daemon CPU", "SMSC CPU"), run.step, lambda value: f"{value:.0%}"),
        chart("Memory of the daemon, MB", "/proc, RSS of it and its children",
              megabytes("memory"), run.step, plain),
        chart("Commits of the journal", BY_KEY["commit_p50"].how,
              these("commits p50", "commits p99"), run.step, seconds),
        chart("By how much the event loop was late", BY_KEY["late_p50"].how,
              these("late p50", "late p99"), run.step, seconds),
        chart("In flight", "submits without an answer, as the daemon says",
              these("in flight"), run.step, plain),
    ]  # fmt: skip
    return [each for each in found if each is not None]
