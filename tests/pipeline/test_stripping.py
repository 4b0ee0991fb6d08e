"""`contents = "drop-when-final"`: no text is kept of what is final, and nothing else is lost by it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import trio.testing

from smppd.campaign import CampaignTerms
from smppd.journal.audit import audit
from smppd.journal.stripping import stripped
from smppd.keeping.stripper import Stripper
from smppd.ledger.entries import read_message
from smppd.ledger.facts import encode
from smppd.message import Call, Message
from smppd.results.reporter import Reporter
from smppd.results.story import text_of
from tests.pipeline.telling import events

if TYPE_CHECKING:
    from tests.pipeline.conftest import Bench, Life

TEXTS = {
    "short": "Geheimnis7 sehr kurz",
    "long": "Geheimnis7 " + "und noch viel mehr davon " * 20,
    "ucs2": "Geheimnis7 \u4f60\u597d " * 12,
}
WRITINGS = [
    (encoding, "Geheimnis7".encode(encoding)) for encoding in ("ascii", "utf-16-be", "utf-16-le")
]


def told(bench: Bench) -> list[str]:
    """Where the text still stands, in any of its writings, octets and hex."""
    found = []
    for path in [*bench.path.parent.rglob("*")]:
        octets = path.read_bytes() if path.is_file() else b""
        for encoding, writing in WRITINGS:
            if writing in octets or writing.hex().encode() in octets.lower():
                found.append(f"{path.name}: {encoding}")
    return found


class Clock:
    """The bench's time, believed."""

    def __init__(self, life: Life) -> None:
        self.now = life.bench.wall


def stripper(life: Life, *readers: str) -> Stripper:
    oldest = life.accounts.shelf.oldest
    return Stripper(
        life.journal, life.desk, oldest, lambda: readers, Clock(life), life.events.append
    )


async def test_no_text_is_left_of_what_is_final(
    bench: Bench,
    autojump_clock: trio.testing.MockClock,
) -> None:
    async with bench.up() as life:
        reporter = life.publication._publisher
        assert isinstance(reporter, Reporter)
        reporter._placer._terms = reporter._placer._terms._replace(keeps_source=False)
        lines = [bench.sms(text=text, id=name) for name, text in TEXTS.items()]
        await life.hand_in([*lines, bench.sms(text=TEXTS["short"], id="held")])
        await trio.testing.wait_all_tasks_blocked()
        (held,) = [part for part in life.wire.submitted if life.texts([part]) == ["held"]]
        await life.receive(life.receipt("early", source="34699", raw=TEXTS["short"].encode()))
        for part in list(life.wire.submitted):
            if part is held:
                await life.lose(part)
            else:
                await life.answer(part)
                await life.receive(life.receipt(life.name_of(part)))
        await life.publication.publish_ready()
        assert told(bench), "the test would see it"
        await life.journal.begin_stripping()
        assert not await stripper(life).round(stale=True)
        assert [text_of(life.row(name)) for name in TEXTS] == ["", "", ""]
        assert text_of(life.row("held")) == TEXTS["short"], "it may have to go again"
        assert [line["parts"] for line in bench.results()] == [1, 4, 3, 1]
        assert life.shown("long").state == "delivered"
    async with bench.up() as life:
        assert await life.desk.requeue([held.msg_id], "test")
        await trio.testing.wait_all_tasks_blocked()
        (again,) = life.wire.submitted
        assert again.message.segments == (b"Geheimnis7 sehr kurz",)
        await life.answer(again, message_id="again")
        await life.receive(life.receipt("again"))
        await life.journal.begin_stripping()
        await stripper(life).round(stale=True)
        # The bench's own reader has no transaction open, so the write-ahead log is empty.
        assert told(bench) == []
        found = audit(bench.path, bench.root)
        assert found.ok, [check for check in found.checks if not check.ok]


def test_what_results_need_stays() -> None:
    tlv, echo = ((0x0424, b"Geheimnis7"),), {"x-a": b"1"}
    whole = Message(
        "34", 1, 1, "ACME", 5, 0, 0, 0, "gsm7", (b"Geheim", b"nis7"), tlv=tlv, echo=echo
    )
    bare = read_message(stripped(encode(whole)))
    assert (bare.segments, bare.tlv) == ((b"", b""), ())
    assert (bare.to, bare.encoding, bare.echo) == ("34", "gsm7", {"x-a": b"1"})
    assert stripped(encode(bare)) == encode(bare)
    whole.call = Call("sms.sendsms", {"sms": "Geheimnis7"})
    call = read_message(stripped(encode(whole))).call
    assert call == Call("sms.sendsms", {})


async def test_a_text_that_was_taken_out_is_still_known_as_sent(
    bench: Bench, autojump_clock: trio.testing.MockClock
) -> None:
    unique = CampaignTerms("K", unique_text=True)
    lines = [bench.sms(text=text, receipt=False) for text in TEXTS.values()]
    async with bench.up() as life:
        await life.hand_in(lines, terms=unique)
        await trio.testing.wait_all_tasks_blocked()
        for part in list(life.wire.submitted):
            await life.answer(part)
        await life.journal.begin_stripping()
        await stripper(life).round(stale=True)
        rows = await life.journal.read_messages([part.msg_id for part in life.wire.submitted])
        assert {text_of(row) for row in rows} == {""}, "the journal has no text any more"
    # Killed: what the accounts know was not written down since.
    async with bench.up() as life:
        await life.hand_in(lines, "again.jsonl", token="t2", terms=unique)
        await trio.testing.wait_all_tasks_blocked()
        assert life.wire.submitted == []


async def test_whoever_is_told_late_gets_the_text_or_hears_that_it_is_gone(
    bench: Bench, autojump_clock: trio.testing.MockClock
) -> None:
    async with bench.up() as life:
        await life.journal.begin_stripping()
        head = life.accounts.seq
        await life.journal.move_cursor("webhook:crm", head)
        early, late = await life.submit(
            bench.sms(text="one", id="1"), bench.sms(text="two", id="2")
        )
        await life.answer(early)
        await life.receive(life.receipt(life.name_of(early)))
        await trio.sleep(6 * 86_400)
        await life.answer(late)
        await life.receive(life.receipt(life.name_of(late)))
        await stripper(life, "webhook:crm").round(stale=True)
        assert [text_of(life.row(each)) for each in ("1", "2")] == ["one", "two"], "not yet told"
        await trio.sleep(2 * 86_400)
        await stripper(life, "webhook:crm").round(stale=True)
        assert [text_of(life.row(each)) for each in ("1", "2")] == ["", "two"], "a week is enough"
        accepted = [e for e in events(bench.path, content=True) if e["event"] == "accepted"]
        assert [each["text"] for each in accepted] == [None, "two"]
        assert "text" not in events(bench.path)[0]
        await life.journal.move_cursor("webhook:crm", life.accounts.seq)
        await stripper(life, "webhook:crm").round(stale=True)
        assert [text_of(life.row(each)) for each in ("1", "2")] == ["", ""]


async def test_a_message_keeps_its_text_while_a_part_of_it_may_still_go(
    bench: Bench, autojump_clock: trio.testing.MockClock
) -> None:
    async with bench.up() as life:
        await life.hand_in([bench.long_sms(2, id="a")])
        await trio.testing.wait_all_tasks_blocked()
        first, second = life.wire.submitted
        await life.answer(first)
        await life.receive(life.receipt(life.name_of(first)))
        life.wire.open(0)
        await life.give_back(second)
        await life.journal.begin_stripping()
        await stripper(life).round(stale=True)
        life.wire.open(100)
        await trio.testing.wait_all_tasks_blocked()
        again = life.wire.submitted[-1]
        assert (again.index, again.message.segments[1]) == (1, second.message.segments[1])
        assert again.message.segments[1]
