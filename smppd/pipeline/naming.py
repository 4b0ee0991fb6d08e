"""Which message a receipt's message_id names: candidates, and the choice among them. Pure.

An id that was answered is the best evidence, but not proof: "16" of a link whose receipts are
decimal is the message that was answered as "10" in hex, although another may have been answered as
"16". So the handset must be the message's, and between two that both fit the way in which this
link names its messages decides, once it is known. Nothing is guessed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

from smppd.ledger.message_ids import EXACT, FOLDED, Form, MessageIds, Place, fold, in_other_radix

#: So many receipts in a row must speak against what was learnt before it is given up.
UNLEARN = 3

#: Whether a receipt's handset is that of the message of this part; None if it cannot be told.
Agrees = Callable[[Place], bool | None]


class Candidate(NamedTuple):
    """A part that a receipt may name, in which forms it would, and whether the handset is right."""

    place: Place
    forms: frozenset[Form]
    agrees: bool | None


class Naming:
    """How the receipts of one link name messages: as configured, or as learnt; None until then."""

    __slots__ = ("_against", "configured", "form")

    def __init__(self, configured: str = "auto") -> None:
        self.configured = configured != "auto"
        self.form: str | None = configured if self.configured else None
        self._against = 0

    def note(self, chosen: Candidate) -> bool:
        """Learn from a match; whether that changed what is known."""
        form = _evidence(chosen)
        if self.configured or form is None:
            return False
        if form == self.form:
            self._against = 0
            return False
        if self.form is not None:
            self._against += 1
            if self._against < UNLEARN:
                return False
        self.form, self._against = form, 0
        return True

    def choose(self, found: Sequence[Candidate]) -> Candidate | None:
        """The part that is meant; None when none is, or more than one may be."""
        if self.form is not None:
            usual = [each for each in found if self.form in each.forms]
            if self.configured:
                return _only(usual, trusted=True)
            chosen = _only([each for each in usual if each.agrees is not False])
            if chosen is not None:
                return chosen
        return _only(found)


def candidates(ids: MessageIds, key: str, agrees: Agrees) -> list[Candidate]:
    """Every outstanding part that a receipt under this key may be about, exact ones first."""
    forms: dict[Place, set[Form]] = {}
    for form, place in _named(ids, key):
        forms.setdefault(place, set()).add(form)
    return [Candidate(place, frozenset(its), agrees(place)) for place, its in forms.items()]


def _named(ids: MessageIds, key: str) -> Iterator[tuple[Form, Place]]:
    for place in ids.places(key):
        yield EXACT, place
    link, _, message_id = key.partition("\t")
    folded = fold(message_id)
    for place in ids.folded_places(f"{link}\t{folded}"):
        yield FOLDED, place
    for form, other in in_other_radix(folded):
        for place in ids.folded_places(f"{link}\t{other}"):
            yield form, place


def _only(found: Sequence[Candidate], *, trusted: bool = False) -> Candidate | None:
    """The candidate that can be meant, if it is one.

    An id used twice means the newest of those whose handset is right. An exact id counts alone
    even where the handset seems to be another; any other form only where it is right, or
    `trusted` and not known to be wrong.
    """
    found = [each for each in found if EXACT in each.forms or each.agrees is not False]
    if not found:
        return None
    all_exact = all(EXACT in each.forms for each in found)
    agreeing = [each for each in found if each.agrees]
    if any(EXACT in each.forms for each in agreeing):  # case and zeros, if written, tell
        agreeing = [each for each in agreeing if each.forms != {FOLDED}]
    if agreeing:
        certain = len(agreeing) == 1 or all(EXACT in each.forms for each in agreeing)
        return agreeing[0] if certain else None
    silent = [each for each in found if each.agrees is None]
    if all_exact:
        return found[0] if len(found) == 1 else next(iter(silent), None)
    return silent[0] if trusted and len(silent) == 1 else None


def _evidence(chosen: Candidate) -> Form | None:
    """The form that this match speaks for; none where another would have led to the same."""
    if chosen.agrees is False:
        return None
    if EXACT in chosen.forms:
        return EXACT if chosen.forms == {EXACT, FOLDED} else None
    return next(iter(chosen.forms)) if len(chosen.forms) == 1 else None
