"""Two links of real processes that are binds of one account: a receipt comes over either of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.processes import simulator

if TYPE_CHECKING:
    from tests.e2e.conftest import Daemon, DaemonFactory, Smsc, SmscFactory

MESSAGES = 40


def simulated(smsc_factory: SmscFactory, *options: str) -> Smsc:
    command = simulator()
    return smsc_factory([*command, "--receipt-another-bind", *options])


def other_link(port: int, **keys: str) -> str:
    """A link beside the first, with the same system_id."""
    given = {"host": "127.0.0.1", "system_id": "peer", "password_file": "password", **keys}
    lines = [
        f"[link.other]\nport = {port}\n",
        *(f'{key} = "{its}"\n' for key, its in given.items()),
    ]
    return "".join(lines)


def all_bound(daemon: Daemon) -> bool:
    sessions = [each for link in daemon.status()["links"] for each in link["sessions"]]
    return [each["state"].partition("_")[0] for each in sessions] == ["bound"] * 2


@pytest.mark.parametrize("binds", [("transceiver", "transceiver"), ("transmitter", "receiver")])
@pytest.mark.parametrize("early", [0, 1])
def test_p50_a_receipt_over_another_link_of_the_account(
    smsc_factory: SmscFactory, daemon_factory: DaemonFactory, binds: tuple[str, str], early: int
) -> None:
    smsc = simulated(smsc_factory, f"--receipt-before-answer={early}")
    shared = {"smsc_account": "acme"}
    link: dict[str, Any] = {"bind": binds[0], **shared}
    daemon = daemon_factory(
        smsc.port, link=link, more=other_link(smsc.port, bind=binds[1], **shared)
    )
    daemon.start()
    daemon.wait(lambda: all_bound(daemon), "both links")
    vias = ("main", "other") if binds[1] == "transceiver" else ("main",)
    daemon.submit(
        [
            {"to": f"+3460{n:07d}", "text": "Hola", "id": f"m{n}", "via": vias[n % len(vias)]}
            for n in range(MESSAGES)
        ]
    )
    assert daemon.wait_report(timeout=20).report["states"] == {"delivered": MESSAGES}
    assert daemon.status()["parked_receipts"] == 0
    daemon.terminate()
    assert daemon.command("audit")[0] == 0


def test_a_word_given_by_reload_settles_what_was_parked_also_after_a_kill(
    smsc_factory: SmscFactory, daemon_factory: DaemonFactory
) -> None:
    smsc = simulated(smsc_factory)
    daemon = daemon_factory(smsc.port, more=other_link(smsc.port))
    daemon.start()
    daemon.wait(lambda: all_bound(daemon), "both links")
    daemon.submit([{"to": f"+3460{n:07d}", "text": "Hola", "id": f"m{n}"} for n in range(MESSAGES)])
    daemon.wait(lambda: daemon.status()["parked_receipts"] == MESSAGES, "receipts of nobody")
    daemon.kill()
    daemon.start()
    daemon.wait(lambda: all_bound(daemon), "both links again")
    text = daemon.config.read_text().replace(
        'system_id = "peer"\n', 'system_id = "peer"\nsmsc_account = "acme"\n'
    )
    assert text.count("smsc_account") == 2
    daemon.config.write_text(text)
    assert daemon.command("reload")[0] == 0
    assert all_bound(daemon)
    daemon.submit([{"to": "+34600000001", "text": "one more", "id": "more"}], "more.jsonl")
    assert daemon.wait_report("more.jsonl").report["states"] == {"delivered": 1}
    assert daemon.wait_report().report["states"] == {"delivered": MESSAGES}
    daemon.terminate()
    assert daemon.command("audit")[0] == 0
