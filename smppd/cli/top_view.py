"""What `smppd top` draws: a picture as lines for a screen of any size. Pure; raises nothing."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from textwrap import wrap
from time import gmtime, strftime
from types import MappingProxyType

import msgspec

from smppd.cli.screen import Line, Style
from smppd.vitals.picture import AccountPicture, CampaignPicture, LanePicture, LinkPicture, Picture
from smppd.vitals.troubles import Gravity, Trouble
from smppd.vitals.words import for_so_long, so_fast, so_large, so_soon

#: Bounds of latencies beyond this are not known.
_LONGEST = 66.0
#: Rows for troubles, and for what is below the links, that a long list of links does not take.
_FEWEST_TROUBLES = 4
_LEAST_BELOW = 8
_LANES_WIDTH = 31

_RANK: Mapping[Gravity | None, int] = MappingProxyType({"bad": 0, "odd": 1, "note": 2, None: 3})
_MARKS: Mapping[Gravity, str] = MappingProxyType({"bad": "!!", "odd": " !", "note": "  "})
_STYLES: Mapping[Gravity | None, Style] = MappingProxyType(
    {"bad": "bad", "odd": "odd", "note": "plain", None: "plain"}
)
_Way = LinkPicture | AccountPicture

#: The orders in which links are shown, by name.
ORDERS: Mapping[str, Callable[[_Way], object]] = MappingProxyType(
    {
        "configured": lambda _: 0,
        "troubles first": lambda way: _RANK[way.gravity],
        "fastest first": lambda way: (
            -(way.submitted if isinstance(way, LinkPicture) else way.calls)
        ),
        "slowest answers first": lambda way: -(way.tail or 0.0),
    }
)


class View(msgspec.Struct):
    """How somebody wants it shown: the order of links, and which one is looked into (None: none),
    with the lines that are told of it. `silence`: why the daemon has not answered, and since when
    (epoch seconds)."""

    order: str = "configured"
    chosen: int | None = None
    details: Sequence[str] = ()
    silence: str = ""


def ways(picture: Picture, order: str) -> list[_Way]:
    """Links and accounts as they are shown."""
    return sorted([*picture.links, *picture.accounts], key=ORDERS[order])  # type: ignore[arg-type]


def draw(picture: Picture, view: View, width: int = 80, height: int | None = None) -> list[Line]:
    """The screen; without a height as many lines as there are."""
    head, foot = list(_head(picture, view, width)), [_foot(view, width)]
    below = list(_details(view, width) if view.chosen is not None else _below(picture, width))
    links = list(_links(picture, view, width))
    if height is None:
        return [*head, *_troubles(picture.troubles, width), (), *links, (), *below]
    room, least = height - len(head) - len(foot) - 2, len(below) if view.details else _LEAST_BELOW
    told = min(2 * len(picture.troubles), _FEWEST_TROUBLES)
    links = _scrolled(links, view.chosen or 0, max(3, min(len(links), room - least - told)))
    wrong = _fitting(picture.troubles, width, max(2, room - len(links) - least))
    below = below[: max(0, room - len(links) - len(wrong))]
    body = [*head, *wrong, (), *links, (), *below][: height - 1]
    return [*body, *([()] * (height - 1 - len(body))), *foot]


def _head(picture: Picture, view: View, width: int) -> Iterator[Line]:
    left = f" smppd {picture.version}  pid {picture.pid}  up {for_so_long(picture.now - picture.started)}"
    right = strftime("%Y-%m-%d %H:%M:%S UTC ", gmtime(picture.now))
    yield ((left + right.rjust(max(1, width - len(left))), "title"),)
    if view.silence:
        yield ((f"NO ANSWER: {view.silence}", "bad"),)
    bad = sum(each.gravity == "bad" for each in picture.troubles)
    odd = sum(each.gravity == "odd" for each in picture.troubles)
    told = "  ".join([*([f"{bad} BAD"] if bad else []), *([f"{odd} ODD"] if odd else [])])
    style: Style = "bad" if bad else "odd" if odd else "good"
    rate = f"   {so_fast(picture.submitted)} parts/s sent, {so_fast(picture.receipts)} receipts/s"
    yield ((told or "ALL IS WELL", style), (rate, "plain"))


def _foot(view: View, width: int) -> Line:
    keys = " q quit   s order   up/down look into a link   esc back"
    return ((keys + f"{view.order} ".rjust(max(1, width - len(keys))), "title"),)


def _troubles(wrong: Iterable[Trouble], width: int, depth: int = 2) -> Iterator[Line]:
    """Each in full, with depth 1 on two lines, with depth 0 on one."""
    for each in wrong:
        style, mark = _STYLES[each.gravity], _MARKS[each.gravity]
        text = f"{each.what}: {each.why}" if each.why else each.what
        first, *rest = wrap(text, width - 3) if depth == 2 else [text[: width - 3]]
        yield (
            (f"{mark} ", style),
            (first[: len(each.what)], style),
            (first[len(each.what) :], "plain"),
        )
        yield from (((f"   {line}", "plain"),) for line in rest)
        if depth and each.cure:
            yield (("   -> ", "dim"), (each.cure, "bold"))


def _fitting(wrong: Sequence[Trouble], width: int, rows: int) -> list[Line]:
    """All that is wrong, as fully as the rows hold; of very much the gravest."""
    ways_to_tell = [list(_troubles(wrong, width, depth)) for depth in (2, 1, 0)]
    lines = next((each for each in ways_to_tell if len(each) <= rows), ways_to_tell[-1])
    if len(lines) <= rows:
        return lines
    return [*lines[: rows - 1], ((f"   and {len(lines) - rows + 1} more", "dim"),)]


# ── links and accounts ───────────────────────────────────────────────────────────────────────


def _links(picture: Picture, view: View, width: int) -> Iterator[Line]:
    head = _row("LINK", "STATE", "WINDOW", "SENT/S", "RCPT/S", "HALF IN", "99% IN")
    yield ((head, "dim"), ("LIMITED BY", "dim"))
    for number, way in enumerate(ways(picture, view.order)):
        style: Style = "title" if number == view.chosen else _STYLES[way.gravity]
        yield (
            (_link(way) if isinstance(way, LinkPicture) else _account(way), style),
            _limit(way, width),
        )


def _link(link: LinkPicture) -> str:
    state = f"{link.state} {link.bound}/{link.sessions}" if link.bound else link.state
    window = f"{link.in_flight}/{link.slots}"
    rates = so_fast(link.submitted), so_fast(link.receipts)
    return _row(link.name, state, window, *rates, _soon(link.half), _soon(link.tail))


def _account(account: AccountPicture) -> str:
    window = f"{account.in_flight}/{account.connections}"
    times = _soon(account.half), _soon(account.tail)
    return _row(account.name, account.state, window, so_fast(account.calls), "", *times)


def _row(name: str, state: str, window: str, *columns: str) -> str:
    sent, receipts, half, tail = columns
    return f"{name[:13]:<13} {state[:12]:<12} {window:>9} {sent:>7} {receipts:>7} {half:>7} {tail:>7}  "


def _limit(way: _Way, width: int) -> tuple[str, Style]:
    if isinstance(way, AccountPicture):
        return (f"{way.queued:,} queued" if way.queued else "", "plain")
    return (way.limit if width >= 110 else way.limit.partition(":")[0], "plain")


def _scrolled(links: list[Line], chosen: int, rows: int) -> list[Line]:
    """The header and so many links that the rows hold, the chosen one among them."""
    head, *rest = links
    if len(links) <= rows:
        return links
    room = rows - 2
    start = max(0, min(chosen - room + 1, len(rest) - room))
    more = f"{'':13} {len(rest) - room:,} more"
    return [head, *rest[start : start + room], ((more, "dim"),)]


# ── what is below ────────────────────────────────────────────────────────────────────────────


def _details(view: View, width: int) -> Iterator[Line]:
    for each in view.details:
        yield from (((line, "plain"),) for line in wrap(each, width, subsequent_indent=" " * 14))


def _below(picture: Picture, width: int) -> Iterator[Line]:
    words = list(_wrapped(_states(picture), max(20, width - _LANES_WIDTH)))
    yield (
        ("LANE      QUEUED  OLDEST       ", "dim"),
        (f"MESSAGES  {picture.accepted:,} accepted", "dim"),
    )
    lanes = [_lane(lane) for lane in picture.lanes]
    for number in range(max(len(lanes), len(words))):
        lane = lanes[number] if number < len(lanes) else ""
        state = words[number] if number < len(words) else ""
        yield ((f"{lane:<{_LANES_WIDTH}}", "plain"), (state, "plain"))
    yield ()
    yield from _named(
        "answers", f"{_within(picture.half, picture.tail)}; the oldest waits {_old(picture.oldest)}"
    )
    waiting = f"{picture.receipts_waiting:,} wait for their message"
    yield from _named(
        "receipts", f"{waiting}, {picture.receipts_unmatched:,} matched nothing when they came"
    )
    late = f"event loop late by {picture.late * 1000:.1f} ms, at most {picture.late_most * 1000:.1f} ms"
    commits = (
        ""
        if picture.commit_tail is None
        else f"; 99 % of commits within {_soon(picture.commit_tail)}"
    )
    yield from _named("daemon", f"{late}{commits}")
    for room in picture.rooms:
        share = f"{room.free / room.octets:.0%}" if room.octets else "?"
        yield from _named("disk", f"{so_large(room.free)} free ({share}) of {room.place}")
    files = f"{picture.open_files:,} open, {picture.bad_files:,} bad; journal {so_large(picture.journal)}"
    yield from _named("files", files)
    for campaign in picture.campaigns:
        yield from _named("campaign", _campaign(campaign))
    if picture.more_campaigns:
        yield from _named("", f"and {picture.more_campaigns:,} more campaigns")


def _named(name: str, text: str) -> Iterator[Line]:
    yield ((f"{name:<10}", "dim"), (text, "plain"))


def _lane(lane: LanePicture) -> str:
    return f"{lane.name:<8}{lane.queued:>8,}  {_old(lane.oldest) if lane.queued else '-'}"


def _states(picture: Picture) -> list[str]:
    later = [f"scheduled {picture.scheduled:,}"] if picture.scheduled else []
    return [*(f"{state} {count:,}" for state, count in picture.states.items()), *later]


def _wrapped(words: Iterable[str], width: int) -> Iterator[str]:
    line = ""
    for word in words:
        if line and len(line) + 3 + len(word) > width:
            yield line
            line = ""
        line = f"{line}   {word}" if line else word
    yield line


def _campaign(campaign: CampaignPicture) -> str:
    so_far = "" if campaign.read else " so far"
    rate = f", {so_fast(campaign.rate)}/s" if campaign.rate else ""
    left = "" if campaign.time_left is None else f", {for_so_long(campaign.time_left)} left"
    held = f"; held: {campaign.held}" if campaign.held else ""
    return (
        f"{campaign.name}: {campaign.done:,} of {campaign.total:,}{so_far} done{rate}{left}{held}"
    )


def _soon(bound: float | None) -> str:
    if bound is None:
        return "-"
    return "> 66 s" if bound > _LONGEST else so_soon(bound)


def _within(half: float | None, tail: float | None) -> str:
    if half is None:
        return "none of late"
    return f"half within {_soon(half)}, 99 % within {_soon(tail)}"


def _old(age: float | None) -> str:
    return "-" if age is None else for_so_long(age)
