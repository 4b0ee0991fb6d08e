"""Links of real processes: TLS in pairs, an SMSC that freezes, a wrong password."""

from __future__ import annotations

import signal
from typing import TYPE_CHECKING, Any

from tests.processes import simulator

if TYPE_CHECKING:
    from tests.certificates import Authority
    from tests.e2e.conftest import DaemonFactory, Smsc, SmscFactory


def simulated(smsc_factory: SmscFactory, *options: str) -> Smsc:
    command = simulator(*options)
    return smsc_factory(command)


def messages(count: int) -> list[dict[str, object]]:
    return [{"to": f"+3460{n:07d}", "text": f"message {n}", "id": f"m{n}"} for n in range(count)]


def test_pairs_over_tls_with_certificates_on_both_sides(
    smsc_factory: SmscFactory, daemon_factory: DaemonFactory, authority: Authority
) -> None:
    theirs, ours = authority.issue("smsc.example.net"), authority.issue("acme")
    tls = (f"--tls-cert={theirs.cert}", f"--tls-key={theirs.key}", f"--tls-ca={authority.file}")
    smsc = simulated(smsc_factory, *tls, "--receipt-delay=50ms")
    keys: dict[str, Any] = {
        "tls": True,
        "tls_ca_file": str(authority.file),
        "tls_server_name": "smsc.example.net",
        "tls_cert_file": str(ours.cert),
        "tls_key_file": str(ours.key),
        "local_address": "127.0.0.9",
        "bind": "transmitter+receiver",
        "window": 100,
    }
    daemon = daemon_factory(smsc.port, link=keys)
    daemon.submit(messages(500))
    daemon.start()
    reported = daemon.wait_report()
    assert reported.report["states"] == {"delivered": 500}
    kinds = {event["bind"] for event in daemon.events("link_bound")}
    assert kinds == {"transmitter", "receiver"}
    daemon.terminate()
    assert len(daemon.events("link_unbound")) == 2
    assert not daemon.events("link_lost")


def test_p31_an_smsc_that_freezes_is_left_and_found_again(
    smsc_factory: SmscFactory, daemon_factory: DaemonFactory
) -> None:
    """Stopped, it keeps its sockets open and its kernel goes on taking what we write."""
    smsc = simulated(smsc_factory)
    keys = {"enquire_link_interval": "500ms", "enquire_link_timeout": "500ms", "bind_timeout": "1s"}
    daemon = daemon_factory(smsc.port, link=keys)
    daemon.start()
    assert smsc.program.process is not None
    smsc.program.process.send_signal(signal.SIGSTOP)
    daemon.wait(lambda: bool(daemon.events("link_lost")), "the end of the session")
    assert "no answer to enquire_link" in daemon.events("link_lost")[0]["reason"]
    daemon.submit(messages(20))
    smsc.program.process.send_signal(signal.SIGCONT)
    assert daemon.wait_report().report["states"] == {"delivered": 20}
    daemon.terminate()


def test_p35_a_wrong_password_shows_and_keeps_the_spool(
    smsc_factory: SmscFactory, daemon_factory: DaemonFactory
) -> None:
    smsc = simulated(smsc_factory, "--system-id=peer", "--password=another")
    daemon = daemon_factory(smsc.port, link={"sessions": 5})
    daemon.submit(messages(3))
    daemon.start(bound=False)
    daemon.wait(lambda: bool(daemon.events("bind_needs_operator")), "the alert")
    (alert,) = daemon.events("bind_needs_operator")
    assert (alert["level"], alert["state"]) == ("error", "auth_failed")
    daemon.wait(lambda: daemon.status()["states"]["queued"] == 3, "the queue")
    (link,) = daemon.status()["links"]
    assert (link["bind_refusals"], "password" in link["last_error"]) == (1, True)
    daemon.terminate()
