"""Which message a receipt is about whose message_id nobody has heard of. Pure.

Only a message whose outcome is unknown, or that was taken without an id, can be meant, and only
where exactly one fits: by user_message_reference, or by destination and what the receipt quotes
of the text; one of unknown outcome also by its destination alone. What fits two fits none.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import NamedTuple

from smppd.ledger.accounts import Accounts
from smppd.ledger.destinations import agrees
from smppd.ledger.entries import MessageRow, Outstanding
from smppd.ledger.facts import ReceiptFact
from smppd.ledger.message_ids import Place
from smppd.ledger.unclaimed import claimable
from smppd.ledger.user_reference import user_reference
from smppd.message import State
from smppd.smpp.text import decode_text
from smppd.smpp.vocabulary import EsmClass

#: How far the submit date of a receipt may be from when the message left, in seconds. The SMSC
#: writes it in a time zone of its own.
_WINDOW = 26 * 3600.0
#: What some write where they do not quote the text.
_NO_QUOTE = frozenset({"", "none", "null"})
#: Of a text shorter than this, a difference is no proof of anything.
_TELLING = 3

Rows = Mapping[int, MessageRow]


class Arrival(NamedTuple):
    """How a receipt came: over a link of this account, which are all its `links`, at a time (epoch
    seconds). `references`: user_message_reference is sent there."""

    links: tuple[str, ...]
    came: float
    references: bool


def possible(accounts: Accounts, what: ReceiptFact, arrival: Arrival) -> list[Place]:
    """The parts that a receipt may be about by its destination."""
    if not accounts.unclaimed:
        return []
    came = arrival.came
    return [
        (msg_id, part)
        for link in arrival.links
        for msg_id in accounts.unclaimed.near(link, what.destination)
        if (entry := accounts.entries.get(msg_id)) is not None
        and agrees(what.destination, entry.to)
        for part in claimable(entry)
        if entry.left_at(part) <= came and _in_window(what.submit_date, entry.left_at(part))
    ]


def claim(
    accounts: Accounts,
    what: ReceiptFact,
    places: list[Place],
    rows: Rows,
    arrival: Arrival,
) -> Place | None:
    """The part that the receipt is about, of those possible; None if that cannot be told.

    `rows` has the messages, as far as they could be read.
    """
    if arrival.references and what.reference:
        wanted = int(what.reference)
        places = [place for place in places if user_reference(*place) == wanted]
        return places[0] if len(places) == 1 else None
    if not places or any(place[0] not in rows for place in places):
        return None
    if _is_contested(accounts, what, arrival):
        return None
    verdicts = [(place, _quotes(what.quoted, rows[place[0]], place[1])) for place in places]
    best = max((verdict or 0 for _, verdict in verdicts), default=0)
    agreeing = [place for place, verdict in verdicts if verdict == best]
    if best:
        return agreeing[0] if len(agreeing) == 1 else None
    left = [place for place, verdict in verdicts if verdict is None]
    if len(left) != 1 or not what.message_id:
        return None
    msg_id, part = left[0]
    doubted = accounts.entries[msg_id].part_states[part] != State.SENT
    return left[0] if doubted else None


def _is_contested(accounts: Accounts, what: ReceiptFact, arrival: Arrival) -> bool:
    """Whether the receipt may be of a message whose answer is on its way, or of a ghost."""
    haunted = accounts.unclaimed.is_haunted
    return any(
        haunted(link, what.destination, arrival.came) for link in arrival.links
    ) or _is_in_flight(accounts, what, arrival.links)


def _is_in_flight(accounts: Accounts, what: ReceiptFact, links: Sequence[str]) -> bool:
    """Whether a message to the receipt's handset is on its way out over one of these links."""
    left = accounts.counts[State.SENDING]
    for entry in _newest_first(accounts) if left else ():
        if entry.state != State.SENDING:
            continue
        if entry.link in links and agrees(what.destination, entry.to):
            return True
        left -= 1
        if not left:
            break
    return False


def _newest_first(accounts: Accounts) -> Iterator[Outstanding]:
    return reversed(accounts.entries.values())


def _in_window(submit_date: str, left: float) -> bool:
    """Whether a submit date, YYMMDDhhmm or longer, may be that of a message that left then."""
    try:
        submitted = datetime.strptime(submit_date[:10], "%y%m%d%H%M").replace(tzinfo=UTC)
    except ValueError:
        return True  # there is none, or none that can be read
    return abs(submitted.timestamp() - left) <= _WINDOW


def _quotes(quoted: str, row: MessageRow, part: int) -> int | None:
    """How well octets that a receipt quotes (hex) fit this part's text: 2 the whole of it, 1 its
    beginning, 0 another; None if nobody can say."""
    octets = bytes.fromhex(quoted)
    message = row.message
    headed = bool(message.esm_class & EsmClass.UDHI)
    segment = message.segments[part]
    body = segment[1 + segment[0] :] if headed and segment else segment
    if octets and octets == body:
        return 2
    ours = _plain(decode_text(segment, message.data_coding, headed))
    readings = [octets.decode("latin-1"), octets.decode("utf-16-be", "replace")]
    theirs = [_plain(each) for each in (*readings, decode_text(octets, message.data_coding))]
    if theirs[0] in _NO_QUOTE:
        return None
    if ours and ours in theirs:
        return 2
    begins = body.startswith(octets) or segment.startswith(octets)
    if len(octets) >= _TELLING and begins:
        return 1
    if any(len(each) >= _TELLING and ours.startswith(each) for each in theirs):
        return 1
    return None if len(theirs[0]) < _TELLING else 0


def _plain(text: str) -> str:
    """Letters and digits only, in one case: what SMSCs leave alone."""
    return "".join(filter(str.isalnum, text)).lower()
