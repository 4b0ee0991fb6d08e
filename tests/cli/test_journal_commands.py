"""`smppd show`, `audit`, `requeue` and `cancel` on journals made with the ledger's and the store's own words."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import msgspec
import pytest

from smppd.cli import main, requeue
from smppd.control import ControlUnavailable
from smppd.journal.audit import Audit, audit
from smppd.journal.store import Batch, open_store
from smppd.ledger import memory
from smppd.ledger.calls import Response
from smppd.ledger.entries import MessageRow, Rejected
from smppd.ledger.facts import QUEUE_SHIFT, ReceiptFact, encode, made_up_id
from smppd.ledger.ledger import Ledger
from smppd.ledger.message_bundles import BUNDLE
from smppd.ledger.snapshot import Chunk
from smppd.message import Call, ErrorInfo, Lane, Message, State
from smppd.results.story import Story, tell
from smppd.smpp.vocabulary import EsmClass
from smppd.spool.formats import parse_line
from tests.cli.one_link import CONFIG

DELIVERED, ENROUTE, REJECTED = 2, 1, 8
QUEUE = 1


def message(parts: int = 1, *, receipt: bool = True) -> Message:
    segments = tuple(
        (b"" if parts == 1 else b"\x05\x00\x03\x07%c%c" % (parts, part)) + b"Hola %d" % part
        for part in range(1, parts + 1)
    )
    esm_class = EsmClass.UDHI if parts > 1 else 0
    return Message("34600000001", 1, 1, "ACME", 5, 0, 0, esm_class, "gsm7", segments, receipt)


class Book:
    """A journal to write in: every call is what a daemon would have recorded. `apart`: each message has
    a row of its own from now on, whatever is admitted with it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.path = folder / "journal.db"
        self.ledger = Ledger()
        self.rows: list[MessageRow] = []
        self.now = 1_795_000_000.0
        self.store = open_store(self.path)
        assert self.store.enter_queue("main", Lane.NORMAL) == QUEUE
        self.file = self.ledger.file_opened(self.tick(), "token", "batch.jsonl", Lane.NORMAL)
        self.items = 0
        self.apart = False
        source = folder / "spool" / "work" / "token" / "batch.jsonl"
        source.parent.mkdir(parents=True)
        source.touch()

    def tick(self) -> float:
        self.now += 1.0
        return self.now

    def admit(self, *items: tuple[str | None, Message | ErrorInfo]) -> list[int]:
        """Take these (id, message or mistake) in as one chunk; their msg_ids."""
        tail = self.ledger.accounts.queue(QUEUE).tail
        final, rows = {}, []
        for number, (id_, what) in enumerate(items):
            item, msg_id, state = self.items + number, tail + 1 + number, State.QUEUED
            if isinstance(what, ErrorInfo):
                state = State.REJECTED
                final[item] = int(state)
                body = encode(Rejected("nobody", what))
            else:
                body = encode(what)
            rows.append(MessageRow(msg_id, self.file, item, item + 1, id_, state, body))
        queued = len(items) - len(final)
        ranges = [(tail + 1, tail + len(items), queued)]
        chunk = Chunk(ranges, self.items, len(items), queued, final, 1, self.items + 1)
        self.ledger.admitted(self.tick(), self.file, chunk)
        self.items += len(items)
        self.rows += rows
        chunks = [[row] for row in rows] if self.apart else [rows]
        self.store.commit(Batch(messages=[*chunks]))
        return [row.msg_id for row in rows]

    def send(self, *msg_ids: int) -> None:
        """These, next in their queue, are about to leave."""
        rows = [row for row in self.rows if row.msg_id in msg_ids]
        self.ledger.sending(self.tick(), "main", rows, msg_ids[-1])

    def receive(self, msg_id: int, part: int, message_id: str, state: int = DELIVERED) -> None:
        what = ReceiptFact("main", message_id, "000", "2611211000", "34600000001")
        self.ledger.receipt(self.tick(), (msg_id, part), state, what)

    def commit(self, *, snapshot: bool = False) -> None:
        accounts = self.ledger.accounts
        saved = (accounts.seq, memory.snapshot(accounts)) if snapshot else None
        self.store.commit(Batch(facts=self.ledger.take_facts(), snapshot=saved))

    def story(self, msg_id: int) -> Story:
        self.commit()
        (row,) = self.store.messages.read([msg_id])
        return tell(row, self.store.log.history(msg_id), self.store.admitted_at(row))

    def audit(self) -> Audit:
        self.commit()
        return audit(self.path, self.folder / "spool")

    def tamper(self, statement: str) -> None:
        self.commit()
        with closing(sqlite3.connect(self.path)) as connection, connection:
            connection.execute(statement)


@pytest.fixture
def book(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Book]:
    (tmp_path / "smppd.toml").write_text(CONFIG)
    monkeypatch.setenv("SMPPD_CONFIG", str(tmp_path / "smppd.toml"))
    made = Book(tmp_path)
    yield made
    made.store.close()


def words(story: Story) -> list[str]:
    return [happening.text for happening in story.history]


# ── a message's story ────────────────────────────────────────────────────────────────────────


def test_a_queued_message_has_only_been_accepted(book: Book) -> None:
    book.admit(("first", message()))
    (second,) = book.admit(("second", message(2)))
    story = book.story(second)
    assert (story.result.state, story.result.line, story.result.attempts) == ("queued", 2, 0)
    assert words(story) == ["accepted from line 2 of its file"]
    assert [part.state for part in story.part_details] == ["queued", "queued"]


def test_a_delivered_message_tells_everything(book: Book) -> None:
    msg_ids = book.admit(*[(f"id-{n}", message()) for n in range(5)])
    book.send(*msg_ids[:4])
    for msg_id in reversed(msg_ids[:4]):
        book.ledger.sent(book.tick(), "main", msg_id, 0, f"A{msg_id}")
    book.receive(msg_ids[2], 0, f"A{msg_ids[2]}")
    story = book.story(msg_ids[2])
    assert story.result.state == "delivered"
    assert story.result.message_ids == [f"A{msg_ids[2]}"]
    assert [each.event for each in story.history] == ["accepted", "sending", "sent", "receipt"]
    assert words(story)[1] == "on its way out over link main"
    assert words(story)[2] == f"taken by the SMSC as A{msg_ids[2]}"
    assert words(story)[3].startswith(f"receipt for A{msg_ids[2]}: DELIVERED")
    times = [each.time or "" for each in story.history]
    assert times == sorted(times)
    assert story.result.done == times[-1]


def test_parts_are_told_apart(book: Book) -> None:
    (msg_id,) = book.admit(("long", message(3)))
    book.send(msg_id)
    book.ledger.sent(book.tick(), "main", msg_id, 1, "B1")
    book.ledger.sent(book.tick(), "main", msg_id, 0, "B0")
    book.receive(msg_id, 1, "B1")
    story = book.story(msg_id)
    assert story.result.state == "sending"
    assert [(each.part, each.state, each.message_ids) for each in story.part_details] == [
        (1, "sent", ["B0"]),
        (2, "delivered", ["B1"]),
        (3, "sending", []),
    ]
    assert [each.part for each in story.history] == [None, None, 2, 1, 2]


def test_a_message_that_came_back_tells_when_it_goes_again(book: Book) -> None:
    (msg_id,) = book.admit(("again", message()))
    book.send(msg_id)
    book.ledger.retry(book.tick(), msg_id, 0, 0x14, book.now + 30)
    waiting = book.story(msg_id)
    assert (waiting.result.state, waiting.result.attempts) == ("queued", 1)
    assert words(waiting)[-1].startswith("refused for now with ESME_RMSGQFUL; goes again at 20")
    book.ledger.sending_again(book.tick(), "main", msg_id)
    book.ledger.unknown(book.tick(), msg_id, 0, "the link was lost")
    unknown = book.story(msg_id)
    assert (unknown.result.state, unknown.result.attempts) == ("unknown", 2)
    assert words(unknown)[-1] == "outcome unknown: the link was lost"
    book.ledger.requeued(book.tick(), msg_id, "uid 0", book.now)
    book.ledger.sending_again(book.tick(), "main", msg_id)
    book.ledger.refused(book.tick(), msg_id, 0, ErrorInfo("ESME_RINVDSTADR", 11, "refused"))
    failed = book.story(msg_id)
    assert failed.result.state == "failed"
    assert failed.result.possible_duplicate
    assert failed.result.error == ErrorInfo("ESME_RINVDSTADR", 11, "refused")
    assert words(failed)[-3].startswith("put back into the queue (uid 0); goes again at 20")
    assert words(failed)[-1] == "refused for good: ESME_RINVDSTADR refused"


def test_a_message_that_expired_in_its_queue_has_expired_parts(book: Book) -> None:
    (msg_id,) = book.admit(("late", message(2)))
    book.ledger.expired_in_queue(book.tick(), book.rows)
    story = book.story(msg_id)
    assert (story.result.state, story.result.attempts) == ("expired", 0)
    assert [part.state for part in story.part_details] == ["expired", "expired"]
    assert words(story)[-1] == "expired before it was submitted"


def test_a_rejected_line_tells_why(book: Book) -> None:
    (msg_id,) = book.admit((None, ErrorInfo("BAD_TO", None, "to: no number")))
    story = book.story(msg_id)
    assert (story.result.state, story.result.parts, story.part_details) == ("rejected", 0, [])
    assert words(story)[-1] == "rejected: to: no number"


# ── show ─────────────────────────────────────────────────────────────────────────────────────


def test_show_finds_the_clients_id_and_the_made_up_one(
    book: Book, capsys: pytest.CaptureFixture[str]
) -> None:
    msg_ids = book.admit(("order-77", message(2)), (None, message()), (None, message()))
    book.send(*msg_ids[:2])
    book.commit()
    assert main(["show", "order-77"]) == 0
    shown = capsys.readouterr().out
    assert shown.startswith("order-77 to 34600000001: sending\n")
    assert "text       Hola 1Hola 2" in shown
    made_up = f"smppd-{QUEUE}-2"
    assert main(["show", made_up, "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert (told["id"], told["line"], told["state"]) == (made_up, 2, "sending")
    assert [each["event"] for each in told["history"]] == ["accepted", "sending"]
    assert told["part_details"] == [{"part": 1, "state": "sending", "message_ids": []}]


@pytest.mark.parametrize(
    "words", [["show"], ["report"], ["cancel"], ["requeue"], ["campaigns", "--name"]]
)
def test_what_is_no_utf8_is_one_line(
    book: Book, words: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([*words, "\udcff"]) == 2
    assert capsys.readouterr().err == (
        "smppd: '\\udcff' is not UTF-8: check the terminal's locale\n"
    )


def test_show_tells_when_a_message_goes_and_when_it_expires(
    book: Book, capsys: pytest.CaptureFixture[str]
) -> None:
    here = msgspec.structs.replace(message(), send_at=1_795_000_100.0, expires=1_795_000_200.5)
    there = msgspec.structs.replace(message(), schedule=1_795_000_100.0)
    book.admit(("here", here), ("there", there))
    book.commit()
    assert main(["show", "here"]) == 0
    shown = capsys.readouterr().out
    assert "  send at    2026-11-18T11:08:20.000Z\n" in shown
    assert "  expires    2026-11-18T11:10:00.500Z\n" in shown
    assert main(["show", "there"]) == 0
    told = "  send at    2026-11-18T11:08:20.000Z, held by the SMSC until then\n"
    assert told in capsys.readouterr().out


def test_show_echoes_what_the_client_gave_along(
    book: Book, capsys: pytest.CaptureFixture[str]
) -> None:
    request = parse_line(b'{"to": "1", "text": "a", "x-order": {"n": 1}}', 1).request
    assert request is not None
    book.admit(("order-77", msgspec.structs.replace(message(), echo=request.echo)))
    book.commit()
    assert main(["show", "order-77", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["x-order"] == {"n": 1}


def group_call() -> Message:
    call = Call("sms.sendsmstogroup", {"from": "ACME", "idgroup": 7, "sms": "Hola"})
    return msgspec.structs.replace(message(), to="group 7", segments=(b"",), call=call)


def test_show_tells_of_a_send_to_a_group(book: Book, capsys: pytest.CaptureFixture[str]) -> None:
    small, large = book.admit(("small", group_call()), ("large", group_call()))
    rows = [row for row in book.rows if row.msg_id in (small, large)]
    book.ledger.sending(book.tick(), "acme", rows, large)
    for msg_id, count in ((small, 2), (large, 1000)):
        taken = [(f"m{n}", f"346{n:08d}") for n in range(count)]
        answer = b'{"id":"55","count":"%d"}' % count
        response = Response("sms.sendsmstogroup", answer, taken, group=True, asked=True)
        book.ledger.answered(book.tick(), "acme", msg_id, response)
        what = ReceiptFact("acme", "m1", "", "", "34600000001", word="DELIVERED")
        book.ledger.queried(book.tick(), (msg_id, 1), DELIVERED, what, 0)
    book.commit()
    assert main(["show", "small"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[:7] == [
        "small to group 7: sent",
        "  operation  sms.sendsmstogroup from=ACME idgroup=7 sms=Hola",
        "  asked      1 attempt",
        '  answer     {"id":"55","count":"2"}',
        "  part 1     to 34600000000: sent, message_id m0",
        "  part 2     to 34600000001: delivered, message_id m1",
        "  history",
    ]
    assert lines[8].endswith("asked over account acme")
    assert lines[9].endswith("done, 2 destinations taken")
    assert "part 2: asked for m1: the provider says DELIVERED" in lines[10]
    assert main(["show", "large"]) == 0
    shown = capsys.readouterr().out
    assert len(shown.splitlines()) < 40
    assert "  and 980 more; in all 999 sent, 1 delivered (--json has each)\n" in shown
    assert main(["show", "large", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert (told["op"], told["answer"]) == ("sms.sendsmstogroup", {"id": "55", "count": "1000"})
    assert told["part_details"][1] == {
        "part": 2,
        "state": "delivered",
        "message_ids": ["m1"],
        "to": "34600000001",
    }
    assert len(told["part_details"]) == 1000


def spilled_of(book: Book) -> list[tuple[str, bytes]]:
    accounts = book.ledger.accounts
    return memory.spill(accounts, memory.oldest_waiting(accounts, 0), set())


def test_audit_counts_calls_too(book: Book) -> None:
    waiting, ended, refused = book.admit(*[(f"{n}", group_call()) for n in range(3)])
    book.ledger.sending(book.tick(), "acme", book.rows[-3:], refused)
    response = Response("sms.sendsmstogroup", b"{}", [("m1", "1"), ("m2", "2")], True, True)
    for msg_id in (waiting, ended):
        book.ledger.answered(book.tick(), "acme", msg_id, response)
    for part in (0, 1):
        what = ReceiptFact("acme", f"m{part + 1}", "", "", "1", word="DELIVERED")
        book.ledger.queried(book.tick(), (ended, part), DELIVERED, what, 0)
    book.ledger.refused(book.tick(), refused, 0, ErrorInfo("NOT_ACCESS_TO_GROUP"))
    spilled = spilled_of(book)
    assert len(spilled) == 1
    book.store.commit(Batch(waiting=spilled, at=book.now))
    book.commit(snapshot=True)
    found = book.audit()
    assert found.ok, [check for check in found.checks if not check.ok]
    assert (found.states["sent"], found.states["delivered"], found.states["failed"]) == (1, 1, 1)


def test_show_explains_an_id_that_it_cannot_find(
    book: Book, capsys: pytest.CaptureFixture[str]
) -> None:
    book.admit(("both#1", message()), ("both#2", message()))
    book.commit()
    assert main(["show", "nobody"]) == 1
    assert "there is no message nobody in the journal" in capsys.readouterr().err
    assert main(["show", "smppd-9-9"]) == 1
    capsys.readouterr()
    assert main(["show", "both"]) == 1
    assert "ask for both#1, both#2" in capsys.readouterr().err


def test_show_without_a_journal_or_with_a_newer_one_is_one_line(
    book: Book, capsys: pytest.CaptureFixture[str]
) -> None:
    book.tamper("PRAGMA user_version = 99")
    for command in (["show", "x"], ["audit"], ["requeue", "x"]):
        assert main(command) == 1
        assert "is of version 99" in capsys.readouterr().err
    book.store.close()
    book.path.unlink()
    for command in (["show", "x"], ["audit"], ["requeue", "x"]):
        assert main(command) == 1
        told = capsys.readouterr()
        assert told.err == f"smppd: there is no journal at {book.path}: check [journal] path\n"
        assert told.out == ""


# ── audit ────────────────────────────────────────────────────────────────────────────────────


def busy(book: Book) -> list[int]:
    """A journal with something in every corner; the msg_ids of ten messages."""
    book.admit((None, ErrorInfo("BAD_TO", None, "to: no number")))
    msg_ids = book.admit(*[(f"id-{n}", message()) for n in range(10)])
    book.send(*msg_ids[:6])
    for msg_id in msg_ids[:4]:
        book.ledger.sent(book.tick(), "main", msg_id, 0, f"C{msg_id}")
    book.receive(msg_ids[0], 0, f"C{msg_ids[0]}")
    book.receive(msg_ids[1], 0, f"C{msg_ids[1]}", REJECTED)
    book.ledger.unknown(book.tick(), msg_ids[4], 0, "the link was lost")
    book.ledger.park(book.tick(), ENROUTE, ReceiptFact("main", "unheard-of", "", "", ""))
    return msg_ids


def failed(found: Audit) -> list[str]:
    return [check.what for check in found.checks if not check.ok]


def test_audit_recomputes_every_account(book: Book, capsys: pytest.CaptureFixture[str]) -> None:
    busy(book)
    book.commit(snapshot=True)
    book.receive(book.rows[3].msg_id, 0, f"C{book.rows[3].msg_id}")
    found = book.audit()
    assert failed(found) == []
    assert found.accepted == 11
    assert {state: count for state, count in found.states.items() if count} == {
        "queued": 4,
        "sending": 1,
        "sent": 1,
        "delivered": 2,
        "undelivered": 1,
        "rejected": 1,
        "unknown": 1,
    }
    assert main(["audit"]) == 0
    assert "accepted 11 = 11, the sum of all states" in capsys.readouterr().out
    assert main(["audit", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["ok"] is True
    assert told["accepted"] == sum(told["states"].values()) == 11


def test_audit_of_an_empty_journal_holds(book: Book) -> None:
    assert failed(book.audit()) == []


def test_audit_counts_messages_that_wait_on_disk_for_their_receipt(book: Book) -> None:
    busy(book)
    waiting = spilled_of(book)
    assert waiting
    book.store.commit(Batch(waiting=waiting, at=book.now))
    book.commit(snapshot=True)
    assert failed(book.audit()) == []
    book.tamper("DELETE FROM waiting")
    assert failed(book.audit()) == ["a start from the snapshot gives the same"]


@pytest.mark.parametrize(
    ("statement", "what"),
    [
        ("DELETE FROM message WHERE item = 4", "every queue is numbered without gaps"),
        ("DELETE FROM message WHERE item = 10", "every queue is numbered without gaps"),
        ("DELETE FROM message WHERE item = 1", "every fact is about a message that is there"),
        ("UPDATE fact SET result = NULL", "every finished message has one result"),
        ("UPDATE message SET state = 6 WHERE item = 10", "every finished message has one result"),
        ("DELETE FROM fact WHERE seq = 9", "every fact follows from those before it"),
        ("UPDATE fact SET kind = 77 WHERE seq = 9", "every fact follows from those before it"),
        (
            "UPDATE fact SET detail = x'00' WHERE kind = 2",
            "every fact follows from those before it",
        ),
    ],
)
def test_audit_notices_what_was_tampered_with(
    statement: str, what: str, book: Book, capsys: pytest.CaptureFixture[str]
) -> None:
    book.apart = True
    busy(book)
    book.tamper(statement)
    assert what in failed(audit(book.path, book.folder / "spool"))
    assert main(["audit"]) == 1
    assert f"FAILED   {what}: " in capsys.readouterr().out


def test_a_damaged_row_of_several_messages_is_told_in_one_line(
    book: Book, capsys: pytest.CaptureFixture[str]
) -> None:
    last = busy(book)[-1]
    book.tamper(f"UPDATE message SET body = x'00' WHERE state = {BUNDLE}")
    assert main(["audit"]) == 1
    said = f"message {last} is a bundle that cannot be read: "
    (line,) = [each for each in capsys.readouterr().out.splitlines() if said in each]
    assert line.startswith("FAILED   every fact follows from those before it: Damaged: ")
    assert main(["show", made_up_id(last)]) == 1
    told = capsys.readouterr()
    assert told.err.startswith(f"smppd: the journal is damaged: {said}")
    assert told.err.endswith(": run smppd audit\n")
    assert told.err.count("\n") == 1


@pytest.mark.parametrize("apart", [True, False], ids=["rows", "bundle"])
def test_what_is_in_a_message_is_looked_at_as_well(book: Book, *, apart: bool) -> None:
    book.apart = apart
    last = busy(book)[-1]
    assert book.audit().ok
    row = book.store.messages.read([last])[0]
    book.store.messages.change_bodies([last], lambda _: b"\xc1")
    (what,) = failed(book.audit())
    assert what == "every message can be read"
    (check,) = [each for each in book.audit().checks if not each.ok]
    assert check.says.startswith(f"message {last} cannot be read: MessagePack data is malformed")
    book.store.messages.change_bodies([last], lambda _: row.body)
    assert book.audit().ok


def test_a_page_that_cannot_be_read_is_told_in_one_line(
    book: Book, capsys: pytest.CaptureFixture[str]
) -> None:
    last = busy(book)[-1]
    book.tamper("PRAGMA wal_checkpoint(TRUNCATE)")
    with sqlite3.connect(book.path) as journal:
        (page,) = journal.execute(
            "SELECT rootpage FROM sqlite_master WHERE name = 'message'"
        ).fetchone()
    journal.close()
    with book.path.open("r+b") as file:
        file.seek((page - 1) * 4096)
        file.write(b"\xff" * 600)
    assert main(["show", made_up_id(last)]) == 1
    told = capsys.readouterr()
    assert told.err.startswith("smppd: the journal is damaged: database disk image is malformed")
    assert "smppd audit" in told.err
    assert told.err.count("\n") == 1
    assert main(["audit"]) == 1
    told = capsys.readouterr()
    assert "accepted 0" not in told.out
    assert "FAILED   every fact follows from those before it: DatabaseError: " in told.out


def test_audit_notices_a_snapshot_that_says_otherwise(book: Book) -> None:
    msg_ids = busy(book)
    entry = book.ledger.accounts.entries[msg_ids[5]]
    entry.part_states = [State.UNKNOWN]
    book.commit(snapshot=True)
    assert failed(book.audit()) == ["a start from the snapshot gives the same"]
    entry.part_states = [State.SENDING]
    book.ledger.accounts.counts[State.QUEUED] -= 1
    book.commit(snapshot=True)
    assert "a start from the snapshot gives the same" in failed(book.audit())


def test_audit_looks_for_the_source_of_every_file_in_hand(book: Book) -> None:
    busy(book)
    source = book.folder / "spool" / "work" / "token" / "batch.jsonl"
    day = book.folder / "spool" / "done" / "2026-11-21"
    day.mkdir(parents=True)
    source.rename(day / "batch~2.jsonl")  # moved, but not yet reported
    assert failed(book.audit()) == []
    (day / "batch~2.jsonl").unlink()
    assert failed(book.audit()) == ["every file in hand is in work/"]
    book.ledger.file_reported(book.tick(), book.file, "done")
    assert failed(book.audit()) == []


# ── requeue ──────────────────────────────────────────────────────────────────────────────────


class Daemon:
    """Answers `requeue` as the daemon does, in place of the control socket."""

    def __init__(self, held: set[int]) -> None:
        self.held = held
        self.requests: list[dict[str, Any]] = []

    def ask(self, _path: Path, command: str, _timeout: float, **arguments: Any) -> dict[str, Any]:
        assert command == "requeue"
        self.requests.append(arguments)
        wanted = self.held if arguments.get("all") else set(arguments["msg_ids"])
        done = wanted & self.held
        self.held -= done
        return {"requeued": len(done), "not_unknown": len(wanted) - len(done)}


@pytest.fixture
def daemon(monkeypatch: pytest.MonkeyPatch) -> Callable[[set[int]], Daemon]:
    def start(held: set[int]) -> Daemon:
        made = Daemon(held)
        monkeypatch.setattr("smppd.cli.asking.ask", made.ask)
        return made

    return start


def test_requeue_sends_back_those_that_are_unknown_and_explains_the_rest(
    book: Book, daemon: Callable[[set[int]], Daemon], capsys: pytest.CaptureFixture[str]
) -> None:
    msg_ids = busy(book)
    book.commit()
    answering = daemon({msg_ids[4]})
    assert main(["requeue", "id-4", "id-0", "nobody", "id-4"]) == 0
    told = capsys.readouterr()
    assert answering.requests == [{"msg_ids": [msg_ids[4]]}]
    assert told.out == "1 message put back into the queue\n"
    assert told.err.splitlines() == [
        "smppd: id-0 is delivered, not unknown: left as it is",
        "smppd: there is no message nobody in the journal",
    ]


def test_requeue_all_leaves_the_choice_to_the_daemon(
    book: Book, daemon: Callable[[set[int]], Daemon], capsys: pytest.CaptureFixture[str]
) -> None:
    book.commit()
    answering = daemon({1 << QUEUE_SHIFT, 2 << QUEUE_SHIFT})
    assert main(["requeue", "--all"]) == 0
    assert capsys.readouterr().out == "2 messages put back into the queue\n"
    assert main(["requeue", "--all"]) == 1
    assert capsys.readouterr().out == "nothing to put back\n"
    assert answering.requests == [{"all": True}, {"all": True}]


def test_requeue_tells_when_a_message_changed_meanwhile(
    book: Book, daemon: Callable[[set[int]], Daemon], capsys: pytest.CaptureFixture[str]
) -> None:
    busy(book)
    book.commit()
    daemon(set())
    assert main(["requeue", "id-4"]) == 1
    assert "1 changed meanwhile" in capsys.readouterr().err


def test_requeue_asks_in_portions(
    book: Book, daemon: Callable[[set[int]], Daemon], monkeypatch: pytest.MonkeyPatch
) -> None:
    msg_ids = book.admit(*[(f"id-{n}", message()) for n in range(5)])
    book.send(*msg_ids)
    for msg_id in msg_ids:
        book.ledger.unknown(book.tick(), msg_id, 0, "the link was lost")
    book.commit()
    answering = daemon(set(msg_ids))
    monkeypatch.setattr(requeue, "_AT_ONCE", 2)
    assert main(["requeue", *(f"id-{n}" for n in range(5))]) == 0
    assert [len(request["msg_ids"]) for request in answering.requests] == [2, 2, 1]


def test_requeue_needs_a_daemon_and_either_ids_or_all(
    book: Book, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    book.commit()
    assert main(["requeue"]) == 2
    assert main(["requeue", "--all", "id-1"]) == 2
    capsys.readouterr()

    def nobody(*_: Any, **__: Any) -> dict[str, Any]:
        raise ControlUnavailable("no daemon listens")

    monkeypatch.setattr("smppd.cli.asking.ask", nobody)
    assert main(["requeue", "--all"]) == 1
    assert capsys.readouterr().err == "smppd: no daemon listens\n"


# ── cancel ───────────────────────────────────────────────────────────────────────────────────


class Cancelling:
    """Answers `cancel` as the daemon does: these messages are cancelled, others not."""

    def __init__(self, cancelled: set[int]) -> None:
        self.cancelled = cancelled
        self.requests: list[dict[str, Any]] = []
        self.timeouts: list[float] = []

    def ask(self, _path: Path, command: str, timeout: float, **arguments: Any) -> dict[str, Any]:
        assert command == "cancel"
        self.requests.append(arguments)
        self.timeouts.append(timeout)
        return {
            "messages": [
                {"msg_id": each["msg_id"], "cancelled": True, "state": "cancelled", "why": ""}
                if each["msg_id"] in self.cancelled
                else {"msg_id": each["msg_id"], "cancelled": False, "state": "sent", "why": "no"}
                for each in arguments["messages"]
            ]
        }


@pytest.fixture
def cancelling(monkeypatch: pytest.MonkeyPatch) -> Callable[[set[int]], Cancelling]:
    def start(cancelled: set[int]) -> Cancelling:
        made = Cancelling(cancelled)
        monkeypatch.setattr("smppd.cli.asking.ask", made.ask)
        return made

    return start


def test_cancel_says_what_became_of_each(
    book: Book, cancelling: Callable[[set[int]], Cancelling], capsys: pytest.CaptureFixture[str]
) -> None:
    first, second = book.admit(("a", message()), ("b", message()))
    book.send(first, second)
    book.ledger.sent(book.tick(), "main", second, 0, "77")
    third, fourth = book.admit(("c", message()), ("d#1", message()))
    book.ledger.cancelled(book.tick(), "ana", fourth, book.rows[-1])
    book.commit()
    answering = cancelling({third})
    assert main(["cancel", "c", "b", "d#1", "d", "nobody", "c", "--wait", "2.5"]) == 1
    told = capsys.readouterr()
    assert answering.requests == [
        {
            "messages": [
                {"msg_id": third, "keys": []},
                {"msg_id": second, "keys": ["main\t77"]},
            ],
            "patience": 2.5,
        }
    ]
    assert answering.timeouts[0] > 2.5
    assert told.out == "c: cancelled\n"
    assert told.err.splitlines() == [
        "smppd: d#1 is cancelled already",
        "smppd: d is not cancelled: it has several destinations: name d#1, d#2 and so on",
        "smppd: nobody is not cancelled: there is no such message in the journal",
        "smppd: b is sent and not cancelled: no",
    ]


def test_cancel_for_machines_and_its_exit_code(
    book: Book, cancelling: Callable[[set[int]], Cancelling], capsys: pytest.CaptureFixture[str]
) -> None:
    (msg_id,) = book.admit(("a", message()))
    book.commit()
    cancelling({msg_id})
    assert main(["cancel", "a", "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == {
        "messages": [{"id": "a", "cancelled": True, "state": "cancelled", "why": ""}]
    }


def test_cancel_asks_in_portions(
    book: Book, cancelling: Callable[[set[int]], Cancelling], monkeypatch: pytest.MonkeyPatch
) -> None:
    msg_ids = book.admit(*[(f"id-{n}", message()) for n in range(5)])
    book.commit()
    answering = cancelling(set(msg_ids))
    monkeypatch.setattr("smppd.cli.cancel._AT_ONCE", 2)
    assert main(["cancel", *(f"id-{n}" for n in range(5))]) == 0
    assert [len(request["messages"]) for request in answering.requests] == [2, 2, 1]


def test_cancel_is_used_wrongly(book: Book, capsys: pytest.CaptureFixture[str]) -> None:
    book.commit()
    assert main(["cancel"]) == 2
    assert main(["cancel", "a", "--wait", "-1"]) == 2
    assert "--wait takes" in capsys.readouterr().err


def test_show_tells_of_questions_and_cancellations(
    book: Book, capsys: pytest.CaptureFixture[str]
) -> None:
    (msg_id,) = book.admit(("a", message()))
    book.send(msg_id)
    book.ledger.sent(book.tick(), "main", msg_id, 0, "77")
    what = ReceiptFact("main", "77", "000", "", "34600000001")
    book.ledger.queried(book.tick(), (msg_id, 0), -ENROUTE, what, 0)
    book.ledger.queried(book.tick(), (msg_id, 0), None, what, 0x67)
    book.ledger.cancel_asked(book.tick(), "uid 0", msg_id, 0)
    book.ledger.cancel_answered(book.tick(), "main", msg_id, 0, 0x11)
    book.ledger.cancel_answered(book.tick(), "main", msg_id, 0, 0)
    book.commit()
    assert main(["show", "a"]) == 0
    told = [line.partition("Z  ")[2] for line in capsys.readouterr().out.splitlines()[-5:]]
    assert told == [
        "asked for 77: ENROUTE, error 000",
        "asked for 77: the SMSC says ESME_RQUERYFAIL",
        "the SMSC is asked to cancel it (uid 0)",
        "the SMSC does not cancel it: ESME_RCANCELFAIL",
        "cancelled by the SMSC",
    ]
    assert failed(book.audit()) == []
