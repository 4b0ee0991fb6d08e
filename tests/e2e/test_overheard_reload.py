"""A reload under `smppd trace` and `smppd log-level`: who hears a link hears the one that takes its place, and
those that come; when it goes, what was begun ends, and says why."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from smppd.control import ask
from tests.e2e.reloaded import ALONE, SHARED, SPARE, reload
from tests.e2e.test_trace import BIND, DELIVER, SUBMIT, UNBIND, commands, needs_tshark
from tests.processes import simulator

if TYPE_CHECKING:
    from tests.e2e.conftest import Daemon, DaemonFactory, Smsc, SmscFactory

GONE = "a reload has removed the link"


def centre(smsc_factory: SmscFactory) -> Smsc:
    return smsc_factory(simulator("--receipt-delay=20ms"))


def passed(daemon: Daemon, about: str) -> list[tuple[str, str]]:
    """Link and name of the PDUs that were logged for a message, or for none."""
    lines = daemon.events("pdu_passed")
    return [(line["link"], line["pdu"]) for line in lines if line["message"] == about]


def bound(daemon: Daemon, count: int) -> None:
    """Wait until there were so many binds."""
    daemon.wait(lambda: len(daemon.events("link_bound")) == count, f"{count} binds")


def over(daemon: Daemon, event: str, **keys: str) -> dict[str, Any]:
    """The only line of this event, once it is there."""

    def look() -> dict[str, Any] | None:
        lines = [line for line in daemon.events(event) if keys.items() <= line.items()]
        return lines[0] if lines else None

    return daemon.wait(look, event)


@needs_tshark
def test_a_trace_follows_its_link_and_ends_with_it(
    smsc_factory: SmscFactory, daemon_factory: DaemonFactory
) -> None:
    other, smsc = centre(smsc_factory), centre(smsc_factory)
    daemon = daemon_factory(other.port, more=SPARE.format(port=smsc.port))
    daemon.start()
    bound(daemon, 2)
    _, begun = daemon.command("trace", "spare")
    ask(daemon.control, "log-level", level="debug", link="spare", seconds=60)
    with_spare = daemon.config.read_text()
    for turn, name in enumerate(("one", "two", "three")):
        daemon.config.write_text(
            with_spare.replace("# spare\nsystem_id", f'system_type = "{name}"\nsystem_id')
        )
        reload(daemon)
        bound(daemon, turn + 3)
        daemon.submit([{"to": "+34600000001", "text": "x", "via": "spare"}], f"{name}.jsonl")
        daemon.wait_report(f"{name}.jsonl")
    daemon.config.write_text(with_spare.split("[link.spare]", maxsplit=1)[0])
    reload(daemon)
    ended = over(daemon, "trace_ended", link="spare")
    assert ended["reason"] == GONE
    assert over(daemon, "log_level_over", about="link spare")["reason"] == GONE
    file = Path(begun["folder"], *begun["files"])
    found = commands(file, smsc.port)
    assert found.total() == ended["pdus"]
    assert (found[SUBMIT], found[DELIVER], found[BIND], found[UNBIND]) == (3, 3, 3, 4)
    logged = [pdu for _, pdu in passed(daemon, "")]
    assert [logged.count(name) for name in ("submit_sm", "bind_transceiver", "unbind")] == [3, 3, 4]
    # Another of its name is another link: it can be traced anew, and nobody hears it unasked.
    daemon.config.write_text(with_spare)
    reload(daemon)
    bound(daemon, 6)
    assert [pdu for _, pdu in passed(daemon, "")] == logged
    code, _ = daemon.command("trace", "spare")
    assert code == 0
    daemon.terminate()
    assert [line["reason"] for line in daemon.events("trace_ended")] == [GONE, "smppd stops"]


def test_a_message_is_heard_on_a_link_that_came_after_it(
    smsc_factory: SmscFactory, daemon_factory: DaemonFactory
) -> None:
    first, second = centre(smsc_factory), centre(smsc_factory)
    daemon = daemon_factory(first.port, more=ALONE)
    daemon.start()
    ask(daemon.control, "pause", links=["main"])
    daemon.submit(
        [{"id": "mine", "to": "+34600000001", "text": "x"}, {"to": "+34600000002", "text": "y"}]
    )
    daemon.wait(lambda: daemon.events("file_admitted"), "the messages")
    code, _ = daemon.command("log-level", "debug", "--message", "mine")
    assert code == 0
    text = daemon.config.read_text().replace(ALONE, SHARED)
    daemon.config.write_text(text + SPARE.format(port=second.port))
    assert "link.spare added" in reload(daemon)
    # It goes over the one that came, for the other stays paused.
    daemon.wait_report()
    expected = ["submit_sm", "submit_sm_resp", "deliver_sm", "deliver_sm_resp"]
    daemon.wait(lambda: len(passed(daemon, "mine")) >= 4, "its receipt")
    assert passed(daemon, "mine") == [("spare", pdu) for pdu in expected]
    daemon.terminate()
