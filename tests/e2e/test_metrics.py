"""/metrics of a real daemon with traffic: every name in the alerts and the dashboard is there, and promtool
finds nothing wrong with it."""

from __future__ import annotations

import re
import socket
import urllib.request
from typing import TYPE_CHECKING, Any

import pytest
from prometheus_client.parser import text_string_to_metric_families

from tests.observe.test_alerts import RULES, expressions
from tests.processes import simulator
from tests.promtool import needs_promtool, promtool

if TYPE_CHECKING:
    from tests.certificates import Authority
    from tests.e2e.conftest import Daemon, DaemonFactory, SmscFactory

MORE = """
[events]
stream = true

[http.shop]
url = "http://127.0.0.1:{port}"
user = "me@example.net"
password_file = "password"
"""


def free_port() -> int:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port: int = taken.getsockname()[1]
        return port


def scrape(listen: str) -> str:
    with urllib.request.urlopen(f"http://{listen}/metrics", timeout=10) as answer:
        text: str = answer.read().decode()
    return text


def samples(text: str) -> dict[str, dict[str, float]]:
    """Sample name to a text of its labels to number."""
    found: dict[str, dict[str, float]] = {}
    for family in text_string_to_metric_families(text):
        for each in family.samples:
            labels = ",".join(f"{key}={value}" for key, value in sorted(each.labels.items()))
            found.setdefault(each.name, {})[labels] = each.value
    return found


def used_names() -> set[str]:
    """Every metric that an alert or a panel asks for."""
    asked = " ".join(
        re.findall(r"expr: (?:>-\n(?:.+\n)+?(?= +(?:for|labels):)|.*)", RULES.read_text())
    )
    return set(re.findall(r"\b(?:smppd|process)_\w+", " ".join((asked, *expressions()))))


@pytest.fixture
def busy(
    smsc_factory: SmscFactory, daemon_factory: DaemonFactory, authority: Authority
) -> tuple[Daemon, str]:
    """A daemon that has had messages delivered, refused for now and failed, over TLS; where to scrape it."""
    theirs = authority.issue("smsc.example.net")
    command = [
        *simulator(),
        *(f"--tls-cert={theirs.cert}", f"--tls-key={theirs.key}"),
        *("--receipt-delay=50ms", "--answer-status=ESME_RSYSERR=0.2,ESME_RINVDSTADR=0.1"),
    ]
    smsc = smsc_factory(command)
    keys: dict[str, Any] = {
        "tls": True,
        "tls_ca_file": str(authority.file),
        "tls_server_name": "smsc.example.net",
        "enquire_link_interval": "1s",
        "enquire_link_timeout": "1s",
        "retry_max": "100ms",
        "max_attempts": 50,
    }
    listen = f"127.0.0.1:{free_port()}"
    more = MORE.format(port=free_port())
    daemon = daemon_factory(smsc.port, link=keys, observe={"listen": listen}, more=more)
    daemon.submit([{"to": f"+3460{n:07d}", "text": f"message {n}"} for n in range(100)])
    daemon.start()
    daemon.wait_report(timeout=10)
    return daemon, listen


def test_what_alerts_and_dashboard_ask_for_is_there_and_right(busy: tuple[Daemon, str]) -> None:
    daemon, listen = busy
    enquired = "smppd_enquire_link_latency_seconds_count"
    daemon.wait(lambda: samples(scrape(listen))[enquired]["link=main"] > 0, "an enquire_link")
    found = samples(scrape(listen))
    names = used_names()
    assert len(names) > 50
    assert sorted(names - found.keys()) == []
    # The numbers are those of what happened.
    assert found["smppd_accounting_balance"][""] == 0
    assert found["smppd_accepted_messages_total"][""] == 100
    finished = found["smppd_finished_messages_total"]
    assert sum(finished.values()) == 100
    assert found["smppd_receipt_delay_seconds_count"]["link=main"] == finished["state=delivered"]
    submitted = found["smppd_submits_total"]["link=main"]
    retried = found["smppd_retries_total"]["link=main,reason=ESME_RSYSERR"]
    assert submitted == 100 + retried
    assert retried > 0
    assert found["smppd_bytes_total"]["direction=out,link=main"] > 60 * submitted
    assert found["smppd_bind_attempts_total"]["link=main,result=bound"] == 1
    assert found["smppd_disk_free_bytes"][f"place={daemon.spool}"] > 0
    assert found["smppd_config_last_reload_successful"][""] == 1
    assert found["smppd_oldest_pending_age_seconds"] == dict.fromkeys(
        ("lane=bulk", "lane=high", "lane=normal"), 0
    )
    daemon.terminate()


@needs_promtool
def test_promtool_finds_nothing_wrong_with_a_scrape(busy: tuple[Daemon, str]) -> None:
    daemon, listen = busy
    assert promtool("check", "metrics", given=scrape(listen)) == ""
    daemon.terminate()
