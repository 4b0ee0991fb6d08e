"""The whole daemon with accounts at a simulated provider: from the spool to results, through
refusals, lost answers, kills and stops. Nothing is sent twice, everything is in one state."""

from __future__ import annotations

import json
import subprocess
import sys
from collections import Counter
from contextlib import closing
from decimal import Decimal
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import pytest
import trio
from trio.testing import MockClock

from smppd import events
from smppd.app.bookkeeping import FORGETTING
from smppd.config import ContactsConfig, HttpConfig
from smppd.control import ControlRefused
from smppd.journal.store import open_reader
from smppd.ports import ApiCall
from smppd.provider.answers import NoAnswer, Success
from smppd.provider.catalogue import OPERATIONS
from tests.httpapi.simulated import SimulatedTransport, simulated
from tests.pitfalls.conftest import rig
from tests.pitfalls.rig import Rig

__all__ = ["rig"]

USER, PASSWORD = "me@example.net", "hunter2-secret"


class Shop:
    """A daemon with one account, `shop`, and no link unless it is asked for one."""

    def __init__(self, rig: Rig, **http: Any) -> None:
        self.rig = rig
        self.transport: SimulatedTransport = simulated(
            rig.wall, http={"user": USER, "password": PASSWORD, **http}
        )
        rig.transport = self.transport
        rig.passwords = {"shop": PASSWORD, "other": PASSWORD}

    async def open(self, *, links: dict[str, Any] | None = None, **keys: Any) -> None:
        """Start the daemon."""
        more: dict[str, Any] = keys.pop("sections", {})
        account = HttpConfig(name="shop", user=USER, **keys)
        await self.rig.start(
            links=links or {}, bound=len(links or {}), sections={"http": (account,), **more}
        )

    def hand_in(self, count: int, start: int = 1, **more: Any) -> str:
        """A file of so many single sends, with ids "c1" and so on and a text of its own each."""
        return self.rig.hand_in(
            *(self.sms(number, **more) for number in range(start, start + count))
        )

    @staticmethod
    def sms(number: int, **more: Any) -> dict[str, Any]:
        args = {"from": "ACME", "to": f"346{number:08d}", "sms": f"text {number}"}
        return {"op": "sms.sendsms", "args": args, "id": f"c{number}", **more}

    @property
    def sent(self) -> Counter[str]:
        """How often each text reached the provider."""
        return Counter(
            text
            for request in self.transport.requests
            for text in [_field(request.body, "sms")]
            if text
        )

    def logged(self, **wanted: Any) -> list[ApiCall]:
        """The log of calls, newest first."""
        with closing(open_reader(self.rig.journal)) as reader:
            return reader.calls.read(**wanted)

    @property
    def account(self) -> Any:
        return self.rig.daemon.parts.accounts["shop"]


def _field(body: bytes, name: str) -> str:
    return parse_qs(body.decode()).get(name, [""])[0]


_WITHOUT = """
import sys
from pathlib import Path
from smppd.app import Daemon
from smppd.config import Config, JournalConfig, LinkConfig, SpoolConfig

folder = Path(sys.argv[1])
link = LinkConfig(name="main", hosts=(("a", 2775),), system_id="a")
config = Config(
    spool=SpoolConfig(path=folder / "spool"),
    journal=JournalConfig(path=folder / "journal.db"),
    links=(link,),
)
with Daemon(config, {"main": "secret"}, lambda event: None):
    assert "httpx2" not in sys.modules
"""


def test_a_daemon_without_accounts_does_not_even_import_an_http_client(tmp_path: Path) -> None:
    command = [sys.executable, "-c", _WITHOUT, str(tmp_path)]
    subprocess.run(command, check=True, timeout=60)


async def test_calls_from_the_spool_become_results(rig: Rig, autojump_clock: MockClock) -> None:
    shop = Shop(rig)
    await shop.open()
    name = shop.hand_in(10)
    await rig.until(lambda: rig.has_results(name))
    assert rig.states() == {"sent": 10}
    lines = rig.results(name)
    assert [line["id"] for line in lines] == [f"c{n}" for n in range(1, 11)]
    assert all(line["link"] == "shop" and line["message_ids"] for line in lines)
    assert shop.transport.calls("sms.sendsms").done == 10
    await rig.stop()
    assert shop.transport.closed
    assert rig.audit().ok


async def test_a_killed_daemon_doubts_only_what_was_under_way(
    rig: Rig, autojump_clock: MockClock
) -> None:
    shop = Shop(rig, fault=[{"what": "delay", "seconds": 5.0}])
    await shop.open(connections=3)
    shop.hand_in(20)
    await rig.until(lambda: shop.transport.calls("sms.sendsms").done >= 7)
    await rig.kill()
    begun = len(shop.transport.requests)
    await rig.start_again(bound=0)
    await rig.until(lambda: "queued" not in rig.states() and "sending" not in rig.states())
    states = rig.states()
    assert states["unknown"] <= 3
    assert states["sent"] + states["unknown"] == 20
    assert max(shop.sent.values()) == 1
    assert len(shop.sent) >= 20 - states["unknown"]
    assert begun < len(shop.transport.requests)
    assert rig.audit().ok


async def test_a_stop_waits_for_answers_and_what_is_not_begun_stays_queued(
    rig: Rig, autojump_clock: MockClock
) -> None:
    shop = Shop(rig, fault=[{"what": "delay", "seconds": 5.0}])
    await shop.open(connections=3)
    shop.hand_in(20)
    await rig.until(lambda: len(shop.transport.requests) == 3)
    await rig.stop()
    assert len(shop.transport.requests) == 3
    assert rig.states() == {"sent": 3, "queued": 17}
    await rig.start_again(bound=0)
    await rig.until(lambda: rig.states() == {"sent": 20})
    assert max(shop.sent.values()) == 1


async def test_what_is_not_answered_before_the_stop_is_unknown_at_once(
    rig: Rig, autojump_clock: MockClock
) -> None:
    shop = Shop(rig, fault=[{"what": "hang"}])
    await shop.open(connections=2, timeout=600.0, drain_timeout=10.0)
    shop.hand_in(5)
    await rig.until(lambda: len(shop.transport.requests) == 2)
    before = trio.current_time()
    await rig.stop()
    assert trio.current_time() - before < 15
    assert rig.states() == {"unknown": 2, "queued": 3}
    assert {call.outcome for call in shop.logged()} == {"NO_ANSWER"}
    assert rig.audit().ok


async def test_an_empty_balance_pauses_the_account_and_nothing_is_lost(
    rig: Rig, autojump_clock: MockClock
) -> None:
    shop = Shop(rig, balance=3)
    await shop.open(connections=1)
    shop.hand_in(10)
    await rig.until(lambda: rig.of(events.LinkPaused))
    assert rig.states() == {"sent": 3, "queued": 7}
    (account,) = rig.daemon.figures().accounts
    assert "NO_CREDITS" in account.paused
    assert account.queued + 1 >= 7
    assert account.outcomes["NO_CREDITS"] == 1
    await trio.sleep(3600)
    assert len(shop.transport.requests) == 4
    # Over a restart, too.
    await rig.stop()
    await rig.start_again(bound=0)
    await trio.sleep(60)
    assert len(shop.transport.requests) == 4
    subscriber = shop.transport.provider.accounts.of(USER)
    assert subscriber is not None
    subscriber.balance = Decimal(1000)
    assert await rig.command("resume", links=["shop"]) == {"resumed": ["shop"], "unchanged": []}
    await rig.until(lambda: rig.states() == {"sent": 10})
    assert rig.audit().ok


async def test_a_wrong_password_pauses_before_a_second_item_is_tried(
    rig: Rig, autojump_clock: MockClock
) -> None:
    shop = Shop(rig)
    rig.passwords = {"shop": "wrong-secret"}
    await shop.open(connections=1)
    shop.hand_in(10)
    await rig.until(lambda: rig.of(events.LinkPaused))
    await trio.sleep(600)
    assert rig.states() == {"queued": 10}
    assert len(shop.transport.requests) == 1
    assert "INCORRECT_USER_PASSWORD" in rig.of(events.LinkPaused)[0].reason
    assert "wrong-secret" not in repr(rig.events)


@pytest.mark.parametrize("auth", ["form", "basic"])
async def test_a_password_that_was_put_right_is_read_again_without_a_restart(
    rig: Rig, tmp_path: Path, autojump_clock: MockClock, auth: Any
) -> None:
    shop = Shop(rig)
    rig.passwords = {"shop": "wrong-secret"}
    file = tmp_path / "password"
    file.write_text("wrong-secret\n")
    await shop.open(connections=1, password_file=file, auth=auth)
    shop.hand_in(10)
    await rig.until(lambda: rig.of(events.LinkPaused))
    channels = OPERATIONS["chat.getchatchannels"]
    file.unlink()
    missing = await shop.account.call(channels, {})
    assert isinstance(missing, NoAnswer)
    assert not missing.sent
    assert missing.reason.startswith(f"http.shop.password_file: cannot read {file}")
    assert len(shop.transport.requests) == 1
    file.write_text(f"{PASSWORD}\n")
    assert isinstance(await shop.account.call(channels, {}), Success)
    assert rig.states() == {"queued": 10}
    await rig.command("resume", links=["shop"])
    await rig.until(lambda: rig.states() == {"sent": 10})
    assert len(shop.transport.requests) == 1 + 1 + 10


async def test_an_operator_pauses_and_resumes_an_account(
    rig: Rig, autojump_clock: MockClock
) -> None:
    shop = Shop(rig)
    await shop.open()
    await rig.command("pause", links=["shop"], reason="invoice")
    shop.hand_in(2)
    await trio.sleep(60)
    assert rig.states() == {"queued": 2}
    assert rig.daemon.figures().accounts[0].paused == "invoice (uid 0)"
    assert isinstance(await shop.account.call(OPERATIONS["chat.getchatchannels"], {}), Success)
    with pytest.raises(ControlRefused, match="there is no link or account shpo; there are shop"):
        await rig.command("pause", links=["shpo"])
    await rig.command("resume", all=True)
    await rig.until(lambda: rig.states() == {"sent": 2})


async def test_a_dead_provider_does_not_hold_up_smpp(rig: Rig, autojump_clock: MockClock) -> None:
    shop = Shop(rig)
    rig.simulate("a")
    await shop.open(links={"main": {}}, connections=2)
    shop.transport.up = False
    shop.hand_in(50)
    await rig.until(lambda: rig.of(events.AccountUnreachable))
    began = trio.current_time()
    name = rig.hand_in(*(rig.sms(number, receipt=False) for number in range(1, 201)))
    await rig.until(lambda: rig.has_results(name))
    assert trio.current_time() - began < 30
    assert rig.daemon.unready() == []
    (account,) = rig.daemon.figures().accounts
    assert account.unreachable_since is not None
    assert (account.outcomes["NOT_SENT"], account.queued) < (60, 51)
    await trio.sleep(600)
    assert len(rig.of(events.AccountUnreachable)) == 1
    shop.transport.up = True
    await rig.until(lambda: rig.states() == {"sent": 250})
    assert len(rig.of(events.AccountReachable)) == 1
    assert max(shop.sent.values()) == 1
    assert {rig.show(f"c{n}").result.attempts for n in range(1, 51)} == {1}


async def test_without_any_link_the_accounts_say_whether_it_is_ready(
    rig: Rig, autojump_clock: MockClock
) -> None:
    shop = Shop(rig)
    await shop.open()
    assert rig.daemon.unready() == []
    shop.transport.up = False
    shop.hand_in(1)
    await rig.until(lambda: rig.of(events.AccountUnreachable))
    (line,) = rig.daemon.unready()
    assert line.startswith("account shop gets no answers: cannot connect")


async def test_a_thousand_sends_with_every_tenth_answer_lost(
    rig: Rig, autojump_clock: MockClock
) -> None:
    shop = Shop(rig, balance=10_000, fault=[{"what": "lost", "every": 10}])
    await shop.open(connections=10)
    name = rig.hand_in(
        *(
            shop.sms(number)
            if number % 2
            else {
                "op": "chat.sendmessage",
                "args": {
                    "platform": "whatsapp",
                    "platformid": "100",
                    "destination": f"346{number:08d}",
                    "message": f"text {number}",
                },
                "id": f"c{number}",
            }
            for number in range(1, 1001)
        )
    )
    await rig.until(lambda: rig.has_results(name))
    assert rig.states() == {"sent": 900, "unknown": 100}
    texts = Counter(
        _field(request.body, "sms") or _field(request.body, "message")
        for request in shop.transport.requests
    )
    assert len(texts) == 1000
    assert set(texts.values()) == {1}
    assert len(rig.results(name)) == 1000
    assert rig.audit().ok


async def test_every_call_is_in_the_log_and_no_secret_anywhere(
    rig: Rig, autojump_clock: MockClock
) -> None:
    shop = Shop(rig)
    await shop.open()
    shop.hand_in(3)
    await rig.until(lambda: rig.states() == {"sent": 3})
    await shop.account.call(OPERATIONS["chat.getchatchannels"], {})
    logged = shop.logged()
    assert [call.op for call in logged] == ["chat.getchatchannels"] + ["sms.sendsms"] * 3
    assert {(call.account, call.outcome) for call in logged} == {("shop", "SUCCESS")}
    assert json.loads(logged[1].params)["to"].endswith("…")
    assert "text 1" not in "".join(call.params + call.answer for call in logged)
    await rig.stop()
    assert PASSWORD.encode() not in rig.journal.read_bytes()
    assert PASSWORD not in repr(rig.events)
    assert USER.encode() not in rig.journal.read_bytes()


async def test_the_log_of_calls_is_forgotten_by_age(rig: Rig, autojump_clock: MockClock) -> None:
    shop = Shop(rig)
    await shop.open()
    shop.hand_in(3)
    await rig.until(lambda: rig.states() == {"sent": 3})
    assert len(shop.logged()) == 3
    rig.skew += 31 * 86_400.0
    shop.hand_in(1, start=4)
    await rig.until(lambda: rig.states() == {"sent": 4})
    await trio.sleep(FORGETTING + 1)
    assert len(shop.logged()) == 1


async def test_each_account_has_its_own_queue_pace_and_credentials(
    rig: Rig, autojump_clock: MockClock
) -> None:
    shop = Shop(rig)
    other = HttpConfig(name="other", user=USER, rate=1.0)
    books = ContactsConfig(name="books", url="https://books.example.net")
    rig.passwords["books"] = "token"
    shop_keys = HttpConfig(name="shop", user=USER)
    await rig.start(links={}, bound=0, sections={"http": (shop_keys, other), "contacts": (books,)})
    contact = {"op": "contacts.new", "args": {"group_id": 1, "phone_number": "0412345678"}}
    rig.hand_in(
        *(shop.sms(number, via="other" if number % 2 else "shop") for number in range(1, 11)),
        {**contact, "id": "k"},
    )
    await rig.until(lambda: rig.states() == {"sent": 11})
    by_account = Counter(call.account for call in shop.logged())
    assert by_account == {"shop": 5, "other": 5, "books": 1}
    assert rig.show("c1").result.link == "other"
    assert rig.show("k").result.link == "books"
    for request in shop.transport.requests:
        if "/api/contact/" in request.path:
            assert request.headers["authorization"] == "Bearer token"
            assert PASSWORD.encode() not in request.body
        else:
            assert "authorization" not in request.headers


async def test_a_link_that_is_given_an_accounts_name_never_gets_its_calls(
    rig: Rig, autojump_clock: MockClock
) -> None:
    shop = Shop(rig)
    await shop.open()
    await rig.command("pause", links=["shop"])
    shop.hand_in(2)
    await rig.until(lambda: rig.states() == {"queued": 2})
    await rig.stop()
    rig.passwords = {}
    simulated_smsc = rig.simulate("a")
    await rig.start(links={"shop": {}})
    await rig.command("resume", links=["shop"])
    await trio.sleep(600)
    assert rig.states() == {"queued": 2}
    assert simulated_smsc.smsc.tally.submits == 0
    (missing,) = rig.of(events.LinkMissing)
    assert "[http.shop]" in missing.hint
