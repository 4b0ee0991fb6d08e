"""How a connection ended: what is told of it, and of which kind it was. Pure, raises nothing."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from smppd.smpp.session import Closed
from smppd.smpp.session_timers import Due

#: The kinds of end that the session's own clock brings about.
_BY_CLOCK: Mapping[str, str] = MappingProxyType(
    {
        Due.ENQUIRE_LINK_TIMEOUT.value: "enquire_link_timeout",
        Due.PDU_READ.value: "half_a_pdu",
    }
)


@dataclass(frozen=True, slots=True)
class Ended:
    """How a connection ended. `held` is how long it was bound, in seconds; `refused` the
    command_status of a refused bind; `in_doubt` counts parts that had no answer by then; `first`
    are the first octets that came before it was bound; `kind` is one of `figures.ENDINGS`."""

    reason: str
    held: float
    was_bound: bool
    in_doubt: int
    clean: bool
    refused: int | None = None
    first: bytes = b""
    kind: str = ""


def kind_of(event: Closed, *, broken: bool, left_by_peer: bool, left_by_us: bool) -> str:
    """The kind of an end: by what the session says of it, whether the stream had broken, and who had
    taken leave before."""
    if event.out_of_step:
        return "out_of_step"
    if broken:
        return "broken"
    if left_by_peer:
        return "unbound_by_smsc"
    if left_by_us:
        return "unbound_by_us"
    return _BY_CLOCK.get(event.reason, "closed_by_smsc")
