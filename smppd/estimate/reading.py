"""Reads a file twice, as the spool would, and has it counted. Nothing is written anywhere.

OSError leaves where the file cannot be read.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from pathlib import Path

from smppd.app.optingout import opt_out_terms, spare_lanes
from smppd.campaign import NO_TERMS, CampaignTerms
from smppd.config import AccountConfig, Config, LinkConfig
from smppd.estimate.findings import Estimate
from smppd.estimate.repeats import FirstLook
from smppd.estimate.tally import Check, Pools, Tally
from smppd.message import Lane
from smppd.optout.roll import Change, OptOutList
from smppd.pipeline.items import Items, terms_of
from smppd.pipeline.optouts import OptOuts
from smppd.spool.chunks import Chunk
from smppd.spool.formats import Format
from smppd.spool.quarantine import Unusable
from smppd.spool.reading import open_source

#: Called with how many lines have been looked at, and which octet of the file was reached, both of
#: the two looks together.
Progress = Callable[[int, int], None]


class Unestimable(Exception):  # noqa: N818 (it names a state of affairs)
    """The file cannot be used as a whole; the daemon would put it into `bad/`."""

    def __init__(self, problem: Unusable) -> None:
        super().__init__(problem.reason)
        self.problem = problem


def estimate(
    config: Config,
    path: Path,
    form: Format,
    opted_out: OptOutList,
    at: tuple[Lane, float],
    progress: Progress,
) -> Estimate:
    """What this file would come to in this lane at this time (epoch seconds). Raises
    `Unestimable`."""
    size = path.stat().st_size
    looked = FirstLook(size)
    lines = octets = 0
    terms = NO_TERMS
    for chunk in _chunks(path, form, config.spool.max_line):
        looked.look(chunk.lines)
        lines += len(chunk.lines)
        octets = chunk.offset
        terms = chunk.terms or terms
        progress(lines, octets)
    tally = _tally(config, opted_out, looked.suspects())
    if terms.unique_text:
        tally.send_texts_once()
    del looked  # its maps are the largest thing there is
    for chunk in _chunks(path, form, config.spool.max_line):
        tally.count(chunk.lines, *at)
        lines += len(chunk.lines)
        progress(lines, octets + chunk.offset)
    return tally.told(path.name, _name(terms, path))


def _name(terms: CampaignTerms, path: Path) -> str:
    return terms.name or path.name


def _chunks(path: Path, form: Format, max_line: int) -> Iterator[Chunk]:
    with closing(open_source(path, form, max_line, (0, 0))) as source:
        while True:
            chunk = source.next_chunk()
            if isinstance(chunk, Unusable):
                raise Unestimable(chunk)
            yield chunk
            if chunk.last:
                return


def _tally(
    config: Config, opted_out: OptOutList, suspects: tuple[set[int], set[int], set[int]]
) -> Tally:
    ways: Sequence[LinkConfig | AccountConfig] = [*config.links, *config.accounts]
    carriers = {way.name: way.name for way in ways}
    carriers |= {route.pool: route.links[0] for route in config.routing.routes}
    queues = {
        (pool, lane): 1 + number * len(Lane) + lane
        for number, pool in enumerate(carriers)
        for lane in Lane
    }
    places = {queue: where for where, queue in queues.items()}
    links = {link.name: link for link in config.links}
    pools = Pools(
        {queue: carriers[pool] for queue, (pool, _) in places.items()},
        {
            queue: links[carriers[pool]]
            for queue, (pool, _) in places.items()
            if carriers[pool] in links
        },
    )
    check: Check | None = None
    if opted_out:
        book = OptOuts(opted_out, _ReadOnly(), opt_out_terms(config))
        spare_lanes(config, book, places)
        check = book.check
    items = Items(terms_of(config, queues), lambda _sender, _to: 0)
    return Tally(items, pools, config.prices, check, suspects)


class _ReadOnly:
    """An opt-out list that nobody changes."""

    async def change_opt_outs(self, changes: Sequence[Change]) -> None:
        """See `ports.OptOutMemory`."""
        raise NotImplementedError(f"{len(changes)} changes of a list that is only read")
