"""Links that share one account at an SMSC: what comes over one may be about a message of any. Pure.

The ids of an account are given once, over whichever of its links: only who knows them differs. So
an id that one link alone knows leads as far as on that link. One that several know speaks against
that, or was used again: then the handset must be the message's, and of those that fit the newest is
meant, as on one link.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from smppd.ledger.message_ids import Place
from smppd.pipeline.naming import Candidate


def over(links: Iterable[str], key: str) -> list[str]:
    """This receipt key as it would be over each of these links."""
    named = key[key.index("\t") :]
    return [link + named for link in links]


def together(
    known: Sequence[Sequence[Candidate]], ended: int, taken: Callable[[Place], float]
) -> list[Candidate]:
    """What a receipt may be about, from what each link of its account knows under the id.

    `ended`: how many of those that know nothing outstanding had a message of that id which is final;
    `taken`: when the SMSC took a part.
    """
    known = [each for each in known if each]
    if len(known) + ended < 2:
        return [*known[0]] if known else []
    fitting = [each for some in known for each in some if each.agrees]
    return sorted(fitting, key=lambda each: taken(each.place), reverse=True)
