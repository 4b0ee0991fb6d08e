"""Reload of what goes over HTTP, with real processes under load: accounts, webhooks, the stream. Nothing is lost,
no call is made twice, no event told twice, and what did not change does not notice."""

from __future__ import annotations

import hashlib
import hmac
import json
import re
import time
from collections.abc import Iterator
from contextlib import ExitStack
from email.message import Message
from typing import TYPE_CHECKING, Any

import pytest

from tests.e2e.test_events import Shop

if TYPE_CHECKING:
    from tests.e2e.conftest import Daemon
    from tests.e2e.reloaded import Centre, Site

SMS, CALLS, EXTRA = 2500, 500, 150

ACCOUNT = """
[http.{name}]
url = "{url}"
user = "me"
password_file = "{password}"
connections = {connections}
"""

WEBHOOK = """
[webhook.{name}]
url = "http://127.0.0.1:{port}/"
secret_file = "{secret}"
batch = 50
timeout = "5s"
"""


class Receiver(Shop):
    """A consumer that takes everything, slowly; by which secrets it was signed."""

    def __init__(self, *secrets: str) -> None:
        super().__init__()
        self._secrets = secrets
        self.signed: list[str] = []
        self.ids_in_order: list[str] = []

    def take(self, body: bytes, headers: Message) -> int:
        at, signature = headers["X-Smppd-Timestamp"], headers["X-Smppd-Signature"]
        for secret in self._secrets:
            told = hmac.new(secret.encode(), f"{at}.".encode() + body, hashlib.sha256).hexdigest()
            if signature == f"v1={told}":
                self.signed.append(secret)
                break
        else:
            return 401
        self.ids_in_order += [event["event_id"] for event in json.loads(body)["events"]]
        time.sleep(0.01)
        return 204


class Receivers:
    def __init__(self) -> None:
        self._open = ExitStack()

    def one(self, *secrets: str) -> Receiver:
        receiver = Receiver(*secrets)
        self._open.enter_context(receiver.open())
        return receiver

    def close(self) -> None:
        self._open.close()


@pytest.fixture
def receivers() -> Iterator[Receivers]:
    found = Receivers()
    yield found
    found.close()


def served(centre: Centre) -> str:
    """The URL of the provider that a centre is, too."""
    program = centre.smsc.program
    return program.wait(lambda: re.search(r"(http\S+) and", program.log), "HTTP APIs")[1]


def calls(first: int, count: int, **more: object) -> list[dict[str, Any]]:
    return [
        {
            "op": "sms.sendsms",
            "args": {"from": "ACME", "to": f"346{n:08d}", "sms": f"text {n}"},
            "id": f"c{n}",
        }
        | more
        for n in range(first, first + count)
    ]


def account(daemon: Daemon, name: str) -> dict[str, Any]:
    found = [each for each in daemon.status()["accounts"] if each["name"] == name]
    return found[0] if found else {}


def done(daemon: Daemon, name: str) -> int:
    return sum(account(daemon, name).get("outcomes", {}).values())


def stream(daemon: Daemon) -> list[str]:
    """The event_id of everything that was told, in order."""
    paths = sorted((daemon.spool / "events").glob("events-*.jsonl"))
    lines = [json.loads(line) for path in paths for line in path.read_bytes().splitlines()]
    return [line["event_id"] for line in lines]


def test_accounts_and_webhooks_come_change_and_go_under_load_and_the_others_do_not_notice(
    site: Site, receivers: Receivers
) -> None:
    delay = "--http-fault=what=delay,seconds=0.05"
    daemon = site.open("--answer-latency=20ms", delay, start=False)
    moved = site.centre("moved", "--http-password=rotated-secret", delay)
    for name, secret in (("first", "one"), ("second", "two"), ("new", "rotated")):
        (daemon.folder / name).write_text(f"{secret}-secret\n")
    stays, before, after, late, gone = (receivers.one("one-secret", "two-secret") for _ in range(5))
    shop = ACCOUNT.format(name="shop", url=served(site.main), password="password", connections=4)
    crm = WEBHOOK.format(name="crm", port=before.port, secret="first")
    whole = site.plain.replace("[link.main]", "[link.main]\nwindow = 5")
    whole += "[events]\nstream = true\n"
    whole += WEBHOOK.format(name="stays", port=stays.port, secret="first") + crm + shop
    daemon.config.write_text(whole)
    daemon.start()
    daemon.submit(({"to": f"+3460{n:07d}", "text": "Hola"} for n in range(SMS)), "sms.jsonl")
    daemon.submit(calls(0, CALLS), "calls.jsonl")
    daemon.wait(lambda: done(daemon, "shop") > 50, "some calls")

    # The account has another URL and another password, the webhook another URL and another secret.
    shop_moved = shop.replace(served(site.main), served(moved)).replace('"password"', '"new"')
    crm_moved = crm.replace(str(before.port), str(after.port)).replace('"first"', '"second"')
    whole = whole.replace(shop, shop_moved).replace(crm, crm_moved)
    changed = site.reload(whole)
    assert [each.split(" ")[0] for each in changed] == [
        "http.shop.url",
        "http.shop.password_file",
        "webhook.crm.url",
        "webhook.crm.secret_file",
        "http.shop.password",
        "webhook.crm.secret",
    ]
    assert "rotated" not in str(changed)
    counted = done(daemon, "shop")
    assert counted > 50  # it counts on
    daemon.wait(lambda: done(daemon, "shop") > counted + 30, "calls over the other URL")
    daemon.wait(lambda: after.ids_in_order, "events at the other URL")

    # Another account comes, and two more webhooks.
    extra = ACCOUNT.format(name="extra", url=served(moved), password="new", connections=2)
    late_one = WEBHOOK.format(name="late", port=late.port, secret="first")
    gone_one = WEBHOOK.format(name="gone", port=gone.port, secret="first")
    changed = site.reload(whole + extra + late_one + gone_one)
    assert changed == ["http.extra added", "webhook.late added", "webhook.gone added"]
    daemon.submit(calls(10_000, EXTRA, via="extra"), "extra.jsonl")
    daemon.wait(lambda: done(daemon, "extra") > 20, "calls over the account that came")
    daemon.wait(
        lambda: len(late.ids_in_order) > 50 and gone.ids_in_order, "events to those that came"
    )

    # They go, with the rest of what waits for the account.
    changed = site.reload(whole)
    assert changed == ["http.extra removed", "webhook.late removed", "webhook.gone removed"]
    assert account(daemon, "extra") == {}
    (missing,) = daemon.wait(
        lambda: daemon.events("link_missing") or None, "a word about what waits"
    )
    assert missing["link"] == "http:extra"
    assert 0 < missing["queued"] < EXTRA
    names = ["stream", "webhook:stays", "webhook:crm"]
    assert [each["name"] for each in daemon.status()["outlets"]] == names
    assert daemon.status()["states"]["queued"] > missing["queued"]  # all that was under load

    # And are back, but for one.
    changed = site.reload(whole + extra + late_one)
    assert changed == ["http.extra added", "webhook.late added"]

    reports = {name: daemon.wait_report(f"{name}.jsonl") for name in ("sms", "calls", "extra")}
    assert reports["sms"].report["states"] == {"delivered": SMS}
    assert reports["calls"].report["states"] == {"sent": CALLS}
    assert reports["extra"].report["states"] == {"sent": EXTRA}
    daemon.terminate()
    code, audited = daemon.command("audit")
    assert code == 0, audited
    assert len(site.main.taken()) + len(moved.taken()) == SMS + CALLS + EXTRA

    told = stream(daemon)
    assert len(set(told)) == len(told)
    assert stays.ids_in_order == told
    assert before.ids_in_order + after.ids_in_order == told
    assert (set(before.signed), set(after.signed)) == ({"one-secret"}, {"two-secret"})
    assert late.ids_in_order == told[told.index(late.ids_in_order[0]) :]
    first = told.index(gone.ids_in_order[0])
    assert gone.ids_in_order == told[first : first + len(gone.ids_in_order)]
    for name in ("link_lost", "outlet_failing", "account_unreachable", "link_paused"):
        assert daemon.events(name) == [], name
    assert len(daemon.events("link_bound")) == 1
    assert not [secret for secret in ("one-", "two-", "rotated") if secret in daemon.log]
    assert "Traceback" not in daemon.log
