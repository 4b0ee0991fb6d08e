"""Events while the daemon is killed again and again: a consumer that deduplicates misses nothing."""

from __future__ import annotations

import json
import random
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from email.message import Message
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tests.processes import simulator

if TYPE_CHECKING:
    from tests.e2e.conftest import DaemonFactory, SmscFactory

MESSAGES = 2000
LETTERS = 60
HOOKED = 120
KILLS = 5
FINAL = {"delivered", "undelivered"}


class Shop:
    """A webhook's consumer: every third request fails, and it knows events by their event_id."""

    def __init__(self) -> None:
        self.events: dict[str, dict[str, Any]] = {}
        self.order: list[dict[str, Any]] = []
        self.requests = 0
        self.port = 0

    def take(self, body: bytes, headers: Message) -> int:
        self.requests += 1
        if self.requests % 3 == 0:
            return 500
        for event in json.loads(body)["events"]:
            if event["event_id"] not in self.events:
                self.order.append(event)
            self.events[event["event_id"]] = event
        return 204

    def ids(self, kind: str) -> Counter[str]:
        """Of the messages of which this was told: how often."""
        return Counter(each["id"] for each in self.order if each["event"] == kind)

    @contextmanager
    def open(self) -> Iterator[None]:
        shop = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                self.send_response(shop.take(body, self.headers))
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_: object) -> None:
                """Say nothing."""

        class Server(ThreadingHTTPServer):
            def handle_error(self, *_: object) -> None:
                """A daemon that was killed leaves its connection broken."""

        server = Server(("127.0.0.1", 0), Handler)
        server.daemon_threads = True
        self.port = server.server_address[1]
        thread = threading.Thread(target=server.serve_forever, args=(0.05,))
        thread.start()
        try:
            yield
        finally:
            server.shutdown()
            thread.join()
            server.server_close()


def test_killed_again_and_again_no_event_is_missing_in_stream_and_webhook(
    smsc_factory: SmscFactory, daemon_factory: DaemonFactory
) -> None:
    chance, shop = random.Random(3), Shop()
    command = simulator()
    command += [f"--mo-count={LETTERS}", "--mo-rate=40"]
    smsc = smsc_factory(command)
    with shop.open():
        daemon = daemon_factory(smsc.port, link={"on_unknown": "resend"})
        configuration = daemon.config.read_text() + (
            "\n[events]\nstream = true\nrotate_size = '64KiB'\n"
            f"[webhook.shop]\nurl = 'http://127.0.0.1:{shop.port}/'\nsecret_file = 'password'\n"
            "batch = 200\nretry_min = '10ms'\nretry_max = '50ms'\n"
        )
        daemon.config.write_text(configuration)
        daemon.submit({"to": f"346{n:08d}", "text": "Hola", "id": f"m{n}"} for n in range(MESSAGES))
        for _ in range(KILLS):
            daemon.start(bound=False)
            # The random instant is the point of the test.
            time.sleep(chance.uniform(0.05, 0.5))
            daemon.kill()
        daemon.start()
        reported = daemon.wait_report(timeout=60)
        daemon.wait(lambda: reported_to(shop), "the last event", 60)
        daemon.wait(lambda: letters(daemon.spool) >= LETTERS, "every letter", 60)
        daemon.terminate()
        smsc.stop()
        assert daemon.command("audit")[0] == 0
    states = {line["id"]: line["state"] for line in reported.results}
    for told in (shop.order, stream(daemon.spool / "events")):
        accepted = Counter(each["id"] for each in told if each["event"] == "accepted")
        assert accepted == Counter(states.keys())
        final = [each for each in told if each.get("final")]
        assert Counter(each["id"] for each in final) == Counter(states.keys())
        assert {each["id"]: each["state"] for each in final} == states
        received = {each["name"] for each in told if each["event"] == "received"}
        assert len(received) >= LETTERS
        by_id: dict[str, list[int]] = {}
        for each in told:
            if each.get("id"):
                by_id.setdefault(each["id"], []).append(each["seq"])
        assert all(seqs == sorted(seqs) for seqs in by_id.values())
    lines = stream(daemon.spool / "events")
    assert len({each["event_id"] for each in lines}) == len(lines), "the stream says nothing twice"
    assert {each["event_id"] for each in lines} == set(shop.events)


def reported_to(shop: Shop) -> bool:
    return any(each["event"] == "reported" for each in shop.order)


def letters(spool: Path) -> int:
    return len(list((spool / "received" / "new").glob("*.json")))


def stream(folder: Path) -> list[dict[str, Any]]:
    """What stands in the stream's files, in order."""
    paths = sorted(folder.glob("events-*.jsonl"))
    assert len(paths) > 2, "it was rotated"
    return [json.loads(line) for path in paths for line in path.read_bytes().splitlines()]


def test_killed_again_and_again_a_hook_is_run_for_every_event(
    smsc_factory: SmscFactory, daemon_factory: DaemonFactory
) -> None:
    chance = random.Random(4)
    smsc = smsc_factory(simulator())
    daemon = daemon_factory(smsc.port, link={"on_unknown": "resend"})
    told = daemon.folder / "told.jsonl"
    configuration = daemon.config.read_text() + (
        f"\n[hook.crm]\ncommand = ['/usr/bin/tee', '-a', '{told}']\nconcurrency = 4\n"
        "events = ['accepted', 'sent', 'delivered', 'failed']\n"
    )
    daemon.config.write_text(configuration)
    daemon.submit({"to": f"346{n:08d}", "text": "Hola", "id": f"m{n}"} for n in range(HOOKED))
    for _ in range(KILLS):
        daemon.start(bound=False)
        # The random instant is the point of the test.
        time.sleep(chance.uniform(0.1, 0.6))
        daemon.kill()
    daemon.start()
    daemon.wait_report(timeout=60)
    daemon.wait(lambda: told.read_bytes().count(b'"final":true') >= HOOKED, "the end", 20)
    daemon.terminate()
    smsc.stop()
    lines = [json.loads(line) for line in told.read_text().splitlines()]
    known: dict[str, dict[str, Any]] = {}
    for line in lines:
        known.setdefault(line["event_id"], line)
    final = Counter(each["id"] for each in known.values() if each.get("final"))
    assert final == Counter(f"m{n}" for n in range(HOOKED))
    accepted = Counter(each["id"] for each in known.values() if each["event"] == "accepted")
    assert accepted == final
    by_id: dict[str, list[int]] = {}
    for each in known.values():
        if each.get("id"):
            by_id.setdefault(each["id"], []).append(each["seq"])
    assert len(by_id) == HOOKED
    assert all(seqs == sorted(seqs) for seqs in by_id.values())
