"""Opt-out at the last moment: whose messages leave, and whose do not."""

from __future__ import annotations

from collections.abc import Sequence

from smppd.ledger.entries import MessageRow
from smppd.ledger.facts import QUEUE_SHIFT, encode
from smppd.message import Call, ErrorInfo, Message, State
from smppd.optout.roll import Change, OptOut, OptOutList, confirmation_id
from smppd.pipeline.gate import Check
from smppd.pipeline.optouts import OptOuts, Terms

NUMBER = "34600000001"
SINCE = 1_795_258_740
HIGH, NORMAL = 1, 2


class Memory:
    """What was written down."""

    def __init__(self) -> None:
        self.changes: list[Change] = []

    async def change_opt_outs(self, changes: Sequence[Change]) -> None:
        self.changes += changes


def opted_out(*entries: OptOut, terms: Terms | None = None) -> OptOuts:
    return OptOuts(OptOutList(entries), Memory(), terms or Terms())


def row(sender: str = "2580", to: str = NUMBER, **fields: object) -> MessageRow:
    id_, queue = fields.pop("id", None), fields.pop("queue", NORMAL)
    message = Message(to, 1, 1, sender, 0, 0, 0, 0, "gsm7", (b"x",), **fields)  # type: ignore[arg-type]
    assert isinstance(queue, int)
    assert id_ is None or isinstance(id_, str)
    return MessageRow((queue << QUEUE_SHIFT) + 1, 1, 0, 1, id_, State.QUEUED, encode(message))


ENTRY = OptOut(NUMBER, "2580", SINCE, "STOP to 2580 over main")


def test_the_result_says_since_when_and_why() -> None:
    error = opted_out(ENTRY).check(row(), 0.0)
    said = "opted out of messages from 2580 since 2026-11-21T10:59:00Z: STOP to 2580 over main"
    assert error == ErrorInfo("OPTED_OUT", None, said)
    error = opted_out(OptOut(NUMBER, "", SINCE, "")).check(row("ACME"), 0.0)
    assert error == ErrorInfo(
        "OPTED_OUT", None, "opted out of all messages since 2026-11-21T10:59:00Z"
    )


def test_what_is_from_another_sender_or_to_another_number_leaves() -> None:
    book = opted_out(ENTRY)
    assert book.check(row("ACME"), 0.0) is None
    assert book.check(row(to="34600000002"), 0.0) is None
    assert book.check(row(""), 0.0) is None
    assert book.counted().barred == 0
    assert book.check(row(), 0.0) is not None
    assert (book.counted().barred, book.counted().entries) == (1, 1)


def test_a_number_that_is_written_to_stands_for_names() -> None:
    book = opted_out(ENTRY, terms=Terms({"2580": ("ACME", "2580"), "2581": ("ACME",)}))
    assert book.check(row("Acme"), 0.0) is not None
    assert book.check(row("2580"), 0.0) is not None
    assert book.check(row("OTHER"), 0.0) is None
    other = opted_out(ENTRY._replace(sender="2581"), terms=Terms({"2580": ("ACME",)}))
    assert other.check(row("ACME"), 0.0) is None


def test_who_has_opted_out_of_the_mapped_number_gets_its_messages_no_more() -> None:
    """A mapping need not repeat the number itself: an opt-out from it is always one."""
    assert opted_out(ENTRY, terms=Terms({"2580": ("ACME",)})).check(row("2580"), 0.0) is not None


def test_what_leaves_with_a_links_own_sender_counts_for_any_of_them() -> None:
    terms = Terms({"2580": ("ACME",)}, ["", "ACME", "other"])
    assert opted_out(ENTRY, terms=terms).check(row("", links_sender=True), 0.0) is not None
    entry = ENTRY._replace(sender="OTHER")
    assert opted_out(entry, terms=terms).check(row("ACME", links_sender=True), 0.0) is not None
    entry = ENTRY._replace(sender="ELSE")
    assert opted_out(entry, terms=terms).check(row("ACME", links_sender=True), 0.0) is None


def test_the_one_message_that_confirms_it_leaves() -> None:
    book = opted_out(ENTRY)
    assert book.check(row(id=confirmation_id(ENTRY)), 0.0) is None
    earlier = ENTRY._replace(at=SINCE - 60)
    assert book.check(row(id=confirmation_id(earlier)), 0.0) is not None
    assert book.check(row(id="order-77"), 0.0) is not None


def test_exempt_lanes_go_all_the_same() -> None:
    book = opted_out(ENTRY)
    book.spare([HIGH])
    assert book.check(row(queue=HIGH), 0.0) is None
    assert book.check(row(queue=NORMAL), 0.0) is not None


def test_calls_that_send_are_asked_about_and_others_are_not() -> None:
    book = opted_out(OptOut(NUMBER, "", SINCE, ""))
    params: dict[str, str | int] = {"to": f"+{NUMBER}", "from": "ACME", "sms": "x"}
    sends = row("ACME", f"+{NUMBER}", call=Call("sms.sendsms", params))
    reads = row("", NUMBER, call=Call("user.getbalance", {}, harmless=True))
    assert book.check(sends, 0.0) is not None
    assert book.check(reads, 0.0) is None


async def test_a_change_is_in_force_and_written_down() -> None:
    memory = Memory()
    book = OptOuts(OptOutList(), memory, Terms())
    out = Change(NUMBER, "2580", SINCE, "by hand")
    back = Change(NUMBER, None, SINCE, "", out=False)
    assert await book.change([out, out]) == 1
    assert book.check(row(), 0.0) is not None
    assert not book.is_news(out)
    assert await book.change([back, back]) == 1
    assert book.check(row(), 0.0) is None
    assert memory.changes == [out, out, back, back]
    assert (book.counted().added, book.counted().removed, book.counted().entries) == (1, 1, 0)


async def test_from_the_first_opt_out_on_the_gate_asks_once() -> None:
    asked: list[Check] = []
    book = opted_out()
    book.enforce_with(asked.append)
    assert asked == [], "nobody need be asked"
    assert await book.change([Change(NUMBER, "2580", SINCE, "STOP", out=True)]) == 1
    (check,) = asked
    assert check(row(), 0.0) is not None
    await book.change([Change("34600000002", "", SINCE, "STOP", out=True)])
    assert len(asked) == 1
