"""What nobody can take comes to its end in time: an application that waits for it hears so at once."""

from __future__ import annotations

import json
import signal
import time
from collections import Counter
from typing import TYPE_CHECKING

from tests.processes import simulator

if TYPE_CHECKING:
    from tests.e2e.conftest import Daemon, DaemonFactory, Smsc, SmscFactory

#: Seconds that the messages have, and within which programs are to hear that these are over.
SHORT, AT_ONCE = 6.0, 5.0


def sms(id_: str, **more: object) -> dict[str, object]:
    return {"to": "+34600000001", "text": "123456", "id": id_} | more


def start_centre(factory: SmscFactory, port: int = 0) -> Smsc:
    return factory(simulator(port=port))


def failed(daemon: Daemon) -> Counter[str]:
    """What programs were told of, by the ids of the messages: those that expired."""
    paths = (daemon.spool / "events").glob("events-*.jsonl")
    told = [json.loads(line) for path in paths for line in path.read_bytes().splitlines()]
    return Counter(each["id"] for each in told if each.get("state") == "expired")


def later(seconds: float) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + seconds))


def states(daemon: Daemon) -> dict[str, int]:
    """Messages by state; those of which there are some."""
    found: dict[str, int] = daemon.status()["states"]
    return {state: count for state, count in found.items() if count}


def taken_in(daemon: Daemon, count: int) -> None:
    daemon.wait(lambda: sum(states(daemon).values()) == count, f"{count} messages")


def test_while_the_smsc_is_down_messages_expire_in_time_and_a_kill_changes_nothing(
    smsc_factory: SmscFactory, daemon_factory: DaemonFactory
) -> None:
    smsc = start_centre(smsc_factory)
    smsc.stop()
    more = "\n[events]\nstream = true\n"
    daemon = daemon_factory(smsc.port, link={"reconnect_max": "200ms"}, more=more)
    daemon.start(bound=False)
    # Behind one that lives, one that waited for its moment, and in a campaign that is held.
    daemon.submit([sms("alive")], "alive.jsonl")
    taken_in(daemon, 1)
    daemon.submit([sms("otp", expires=f"{SHORT:g}s")], "otp.jsonl")
    soon = sms("soon", send_at=later(2.0), expires=later(SHORT))
    daemon.submit([soon, sms("night", expires="1h")], "mixed.jsonl")
    taken_in(daemon, 4)
    daemon.submit([sms("held", expires=f"{SHORT:g}s")], "held.jsonl")
    taken_in(daemon, 5)
    assert daemon.command("pause", "--campaign", "held.jsonl")[0] == 0
    daemon.kill()
    daemon.start(bound=False)

    (line,) = daemon.wait_report("otp.jsonl", SHORT + AT_ONCE).results
    assert (line["state"], line["error"]["code"]) == ("expired", "EXPIRED")
    daemon.wait(lambda: len(failed(daemon)) == 3, "three that expired", AT_ONCE)
    assert failed(daemon) == {"otp": 1, "soon": 1, "held": 1}
    assert states(daemon) == {"queued": 2, "expired": 3}
    daemon.kill()
    daemon.start(bound=False)
    assert states(daemon) == {"queued": 2, "expired": 3}

    again = start_centre(smsc_factory, smsc.port)
    daemon.wait_report("alive.jsonl")
    ended = {line["id"]: line["state"] for line in daemon.wait_report("mixed.jsonl").results}
    assert ended == {"soon": "expired", "night": "delivered"}
    (link,) = daemon.status()["links"]
    assert link["submitted"] == 2
    assert daemon.program.end(signal.SIGTERM) == 0
    again.stop()
    assert daemon.command("audit")[0] == 0
