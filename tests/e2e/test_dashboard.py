"""The dashboard over a real Prometheus that scrapes a daemon under load: every panel draws something, or is empty for
a reason, and every legend names what it draws."""

from __future__ import annotations

import json
import math
import re
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import pytest

from tests.e2e.conftest import Program
from tests.e2e.test_metrics import MORE, free_port
from tests.observe.test_alerts import dashboard
from tests.processes import simulator
from tests.promtool import PROMETHEUS

if TYPE_CHECKING:
    from tests.e2e.conftest import DaemonFactory, SmscFactory

pytestmark = pytest.mark.skipif(
    PROMETHEUS is None, reason="prometheus, of Debian's package, is not here"
)

#: What Grafana would put in where a scrape comes each second, and one daemon was chosen of those of a job
#: that is called as its operator likes.
VARIABLES = {"$__rate_interval": "10s", "$link": ".*"}
JOB = "sms"
#: Seconds between two lots of messages.
PAUSE = 5.0
#: Nothing is drawn of what has not happened: no call, no link paused or in trouble, no certificate.
EMPTY = {
    ("Submitted", "{{link}} learnt"),
    ("Sessions", "{{link}} paused"),
    ("Binds and ends", "{{link}} {{result}}"),
    ("Binds and ends", "{{link}} {{reason}}"),
    ("Certificates", "{{link}}"),
    ("Calls", "{{account}} {{outcome}}"),
    ("How long calls take", "{{account}} 99 %"),
    ("Events behind", "{{outlet}} failing"),
    ("Warnings and errors", "{{event}}"),
    ("Warnings and errors", "writers waiting for the disk"),
}
#: Answers that are wanted are asked for each second, and one scrape is missed at times.
SCRAPES = """
global: {{scrape_interval: 1s}}
scrape_configs:
  - job_name: {job}
    static_configs: [{{targets: ["{listen}"]}}]
  - job_name: prometheus
    static_configs: [{{targets: ["{other}"]}}]
"""


class Drawn(NamedTuple):
    """A series of a panel: its expression and what names it."""

    panel: str
    legend: str
    expression: str


def drawn(instance: str) -> Iterator[Drawn]:
    for panel in dashboard()["panels"]:
        for target in panel.get("targets", []):
            expression = target["expr"].replace("$instance", re.escape(instance))
            for variable, value in VARIABLES.items():
                expression = expression.replace(variable, value)
            yield Drawn(
                panel["title"], target.get("legendFormat", ""), expression.replace("\\", "\\\\")
            )


class Prometheus:
    """One that scrapes a daemon, and itself."""

    def __init__(self, listen: str, folder: Path, programs: list[Program]) -> None:
        self.address = f"127.0.0.1:{free_port()}"
        folder.mkdir()
        config = folder / "prometheus.yml"
        config.write_text(SCRAPES.format(job=JOB, listen=listen, other=self.address))
        assert PROMETHEUS is not None
        command = [
            *(PROMETHEUS, f"--config.file={config}", f"--storage.tsdb.path={folder}/data"),
            f"--web.listen-address={self.address}",
        ]
        self.program = Program("prometheus", command, folder / "log")
        programs.append(self.program)
        self.program.start()

    def ask(self, expression: str) -> list[dict[str, Any]]:
        """The series that there are now, without those that are no number."""
        words = urllib.parse.urlencode({"query": expression})
        try:
            with urllib.request.urlopen(f"http://{self.address}/api/v1/query?{words}") as answer:
                found = json.load(answer)
        except urllib.error.HTTPError as error:
            if error.code == 503:  # it is starting
                return []
            raise AssertionError(f"{expression}: {error.read().decode()}") from error
        except OSError:
            return []
        result: list[dict[str, Any]] = found["data"]["result"]
        return [each for each in result if not math.isnan(float(each["value"][1]))]


def test_each_panel_draws_what_a_daemon_under_load_says(
    smsc_factory: SmscFactory,
    daemon_factory: DaemonFactory,
    programs: list[Program],
    tmp_path: Path,
) -> None:
    options = ("--receipt-delay=50ms", "--answer-status=ESME_RSYSERR=0.2,ESME_RTHROTTLED=0.01")
    smsc = smsc_factory(simulator("--mo-count=5", *options))
    keys: dict[str, Any] = {
        "enquire_link_interval": "1s",
        "enquire_link_timeout": "1s",
        "retry_max": "100ms",
        "max_attempts": 50,
        "rate": 100,
    }
    instance = f"127.0.0.1:{free_port()}"
    more = MORE.format(port=free_port())
    daemon = daemon_factory(smsc.port, link=keys, observe={"listen": instance}, more=more)
    daemon.start()
    prometheus = Prometheus(instance, tmp_path / "prometheus", programs)
    missing = {each for each in drawn(instance) if each[:2] not in EMPTY}
    assert len(missing) > 50
    began = time.monotonic()
    lots = 0

    def all_drawn() -> bool:
        nonlocal lots
        # A load with rests, in which the link asks whether the SMSC is there.
        if lots * PAUSE < time.monotonic() - began:
            messages = [{"to": f"+346{lots:03d}{n:05d}", "text": f"no. {n}"} for n in range(25)]
            daemon.submit(messages, f"lot{lots}.jsonl")
            lots += 1
        for each in list(missing):
            if found := prometheus.ask(each.expression):
                missing.discard(each)
                for name in re.findall(r"{{(\w+)}}", each.legend):
                    assert all(series["metric"].get(name) for series in found), each
        return not missing

    try:
        daemon.wait(all_drawn, "data for all panels", timeout=60)
    except AssertionError:
        assert sorted(missing) == []
        raise
    for each in drawn(instance):  # what is empty is well formed, and nothing that it is not
        prometheus.ask(each.expression)
    # What is Prometheus's own is no daemon's.
    (memory,) = (each for each in drawn(instance) if each[:2] == ("CPU and memory", "memory"))
    anywhere = memory.expression.replace(re.escape(instance).replace("\\", "\\\\"), ".*")
    own = prometheus.ask(f'process_resident_memory_bytes{{job="{JOB}"}}')
    (shown,) = prometheus.ask(anywhere)
    assert float(shown["value"][1]) == pytest.approx(float(own[0]["value"][1]), rel=0.2)
    daemon.terminate()
