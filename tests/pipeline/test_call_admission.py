"""Operations of the HTTP APIs on their way into the journal: over which account, and which never."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
import trio.testing

from smppd.config import ContactsConfig, HttpConfig, LinkConfig
from smppd.ledger.entries import read_rejected
from smppd.ledger.facts import QUEUE_SHIFT
from smppd.message import Lane

if TYPE_CHECKING:
    from trio.testing import MockClock

    from tests.pipeline.conftest import Bench, Life

ACCOUNTS: dict[str, HttpConfig | ContactsConfig] = {
    "book": ContactsConfig(name="book", url="https://book.example.net"),
    "first": HttpConfig(name="first", from_="ACME", default_country="34"),
    "second": HttpConfig(name="second", from_="ACME"),
}
GROUP = {"op": "group.getcontacts", "args": {"idgroup": "7"}}
CONTACT = {"op": "contacts.detail", "args": {"id": "7"}}


def pool(life: Life, client_id: str, lane: Lane = Lane.NORMAL) -> str:
    """Where a message waits."""
    number = life.row(client_id).msg_id >> QUEUE_SHIFT
    return next(
        name for (name, each), queue in life.queues.items() if (queue, each) == (number, lane)
    )


def reason(life: Life, client_id: str) -> tuple[str, str]:
    error = read_rejected(life.row(client_id).body).error
    return error.code, error.text


@pytest.mark.parametrize(
    ("line", "where"),
    [
        (GROUP, "first"),
        (GROUP | {"via": "http"}, "first"),
        (GROUP | {"via": "second"}, "second"),
        (CONTACT, "book"),
        (CONTACT | {"via": "book"}, "book"),
        ({"group": 7, "text": "Hola"}, "first"),
        ({"to": "+34600000001", "template": 5}, "first"),
        ({"to": "+34600000001", "text": "Hola"}, "main"),
        ({"to": "+34600000001", "text": "Hola", "via": "http"}, "first"),
        ({"to": "+34600000001", "text": "Hola", "via": "second"}, "second"),
    ],
)
async def test_over_what_a_line_goes(
    bench: Bench, autojump_clock: MockClock, line: dict[str, Any], where: str
) -> None:
    bench.accounts = ACCOUNTS
    async with bench.up(dispatching=False) as life:
        await life.hand_in([line | {"id": "a"}])
        assert life.states() == {"queued": 1}
        assert pool(life, "a") == where
        assert (life.row("a").message.call is None) == (where == "main")


@pytest.mark.parametrize(
    ("line", "why"),
    [
        (
            GROUP | {"via": "main"},
            '"main" is a link, which carries no operations; use one of: first',
        ),
        (GROUP | {"via": "book"}, 'account "book" is for operations contacts.* alone; use one of'),
        (GROUP | {"via": "thrd"}, 'no link or account called "thrd"; use one of: first, second'),
        (CONTACT | {"via": "first"}, 'account "first" carries no operations contacts.*'),
        (CONTACT | {"via": "http"}, 'account "http" carries no operations contacts.*'),
        (
            CONTACT | {"via": "main"},
            '"main" is a link, which carries no operations; use one of: book',
        ),
        (
            {"to": "+34600000001", "text": "x", "via": "book"},
            "is for operations contacts.* alone; use one of: first, main, other, second",
        ),
        (
            {"to": "+34600000001", "text": "x", "via": "no"},
            'there is no link or account called "no"',
        ),
    ],
)
async def test_a_way_that_cannot_be_names_those_that_can(
    bench: Bench, autojump_clock: MockClock, line: dict[str, Any], why: str
) -> None:
    bench.accounts = ACCOUNTS
    async with bench.up(dispatching=False) as life:
        await life.hand_in([line | {"id": "a"}])
        code, text = reason(life, "a")
        assert code == "BAD_VIA"
        assert text.startswith("via: ")
        assert why in text


@pytest.mark.parametrize(
    ("line", "cure"),
    [
        (GROUP, "add [http.NAME]"),
        (CONTACT, "add [contacts.NAME]"),
        ({"to": "+34600000001", "text": "x", "via": "http"}, "add [http.NAME]"),
    ],
)
async def test_without_an_account_the_cure_is_to_add_one(
    bench: Bench, autojump_clock: MockClock, line: dict[str, Any], cure: str
) -> None:
    async with bench.up(dispatching=False) as life:
        await life.hand_in([line | {"id": "a"}])
        code, text = reason(life, "a")
        assert code == "NO_ACCOUNT"
        assert cure in text


async def test_without_links_messages_go_over_the_first_account(
    bench: Bench, autojump_clock: MockClock
) -> None:
    bench.accounts = ACCOUNTS
    async with bench.up(links=(), dispatching=False) as life:
        await life.hand_in([bench.sms(id="a"), GROUP | {"id": "b"}, bench.sms(to="1", id="c")])
        assert [pool(life, name) for name in "abc"] == ["first"] * 3
        assert life.states() == {"queued": 2, "rejected": 1}


async def test_with_an_account_of_contacts_alone_no_message_goes_anywhere(
    bench: Bench, autojump_clock: MockClock
) -> None:
    bench.accounts = {"book": ACCOUNTS["book"]}
    async with bench.up(links=(), dispatching=False) as life:
        await life.hand_in([bench.sms(id="a"), CONTACT | {"id": "b"}, b"no json"])
        assert life.states() == {"queued": 1, "rejected": 2}
        code, text = reason(life, "a")
        assert (code, "add [link.NAME] or [http.NAME]" in text) == ("NO_ACCOUNT", True)


async def test_links_that_only_receive_leave_messages_to_the_account(
    bench: Bench, autojump_clock: MockClock
) -> None:
    bench.accounts = ACCOUNTS
    bench.links = {"main": LinkConfig(name="main", hosts=(), system_id="a", bind="receiver")}
    async with bench.up(links=("main",), dispatching=False) as life:
        await life.hand_in([bench.sms(id="a")])
        assert pool(life, "a") == "first"


async def test_a_missing_parameter_is_refused_with_its_name_and_nothing_is_asked(
    bench: Bench, autojump_clock: MockClock
) -> None:
    bench.accounts = ACCOUNTS
    async with bench.up() as life:
        await life.hand_in([{"op": "group.getcontacts", "id": "a"}])
        await trio.testing.wait_all_tasks_blocked()
        code, text = reason(life, "a")
        assert (code, text.startswith("args: idgroup: missing")) == ("MISSING_ARG", True)
        assert life.wires["first"].submitted == []


async def test_the_same_id_twice_is_one_call_and_a_template_is_one_for_each_number(
    bench: Bench, autojump_clock: MockClock
) -> None:
    bench.accounts = ACCOUNTS
    numbers = ["+34600000001", "600000002", "12"]
    async with bench.up() as life:
        await life.hand_in([GROUP | {"id": "a"}, GROUP | {"id": "a"}])
        await life.hand_in([{"to": numbers, "template": 5, "id": "t"}], "b.jsonl")
        await trio.testing.wait_all_tasks_blocked()
        assert life.states() == {"sending": 3, "duplicate": 1, "rejected": 1}
        calls = [part.message.call for part in life.wires["first"].submitted]
        assert [call.params.get("to") for call in calls if call is not None] == [
            None,
            "34600000001",
            "34600000002",
        ]
        assert reason(life, "t#3")[0] == "BAD_TO"


async def test_a_call_waits_in_the_lane_that_it_names_until_its_time(
    bench: Bench, autojump_clock: MockClock
) -> None:
    bench.accounts = ACCOUNTS
    async with bench.up() as life:
        await life.hand_in([GROUP | {"id": "a", "priority": "high"} | bench.later(60)])
        await trio.testing.wait_all_tasks_blocked()
        assert pool(life, "a", Lane.HIGH) == "first"
        assert life.wires["first"].submitted == []
        await trio.sleep(61)
        (part,) = life.wires["first"].submitted
        assert part.message.call is not None
