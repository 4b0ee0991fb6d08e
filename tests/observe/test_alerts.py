"""The alert rules and the dashboard in `conf/`: well formed, and each alert says what to do."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.promtool import needs_promtool, promtool

HERE = Path(__file__).parent
CONF = HERE.parents[1] / "conf"
RULES = CONF / "prometheus" / "smppd.rules.yml"
DASHBOARD = CONF / "grafana" / "smppd.json"

#: What Grafana puts in for a variable, so that an expression is one for Prometheus.
_VARIABLES = {"$__rate_interval": "5m", "$instance": ".*", "$link": ".*"}


def dashboard() -> dict[str, Any]:
    found: dict[str, Any] = json.loads(DASHBOARD.read_text())
    return found


def expressions() -> Iterator[str]:
    """Every expression of the dashboard, as Prometheus gets it."""
    for panel in dashboard()["panels"]:
        for target in panel.get("targets", []):
            expression = target["expr"]
            for variable, value in _VARIABLES.items():
                expression = expression.replace(variable, value)
            yield expression


def test_each_alert_says_what_is_wrong_how_grave_it_is_and_what_to_do() -> None:
    alerts = RULES.read_text().split("- alert: ")[1:]
    assert len(alerts) >= 10
    for alert in alerts:
        name = alert.split("\n", 1)[0]
        assert re.fullmatch(r"Smppd[A-Za-z]+", name)
        assert re.search(r"severity: (page|ticket)\b", alert), name
        assert re.search(r'\n +summary: ".{20,}"', alert), name
        assert re.search(r'\n +description: ".{60,}"', alert), name


def test_each_alert_is_tried_out() -> None:
    alerts = set(re.findall(r"- alert: (\w+)", RULES.read_text()))
    tried = set(re.findall(r"Smppd\w+", (HERE / "smppd.rules.test.yml").read_text()))
    assert tried == alerts


def test_panels_stand_side_by_side_and_have_their_own_numbers() -> None:
    panels = dashboard()["panels"]
    assert len({panel["id"] for panel in panels}) == len(panels)
    taken: set[tuple[int, int]] = set()
    for panel in panels:
        place = panel["gridPos"]
        cells = {
            (place["x"] + x, place["y"] + y) for x in range(place["w"]) for y in range(place["h"])
        }
        assert place["x"] + place["w"] <= 24, panel["title"]
        assert not cells & taken, panel["title"]
        taken |= cells
        if panel["type"] != "row":
            assert panel["targets"], panel["title"]
            assert panel["fieldConfig"]["defaults"]["unit"], panel["title"]


def test_each_legend_names_by_what_its_series_differ() -> None:
    for panel in dashboard()["panels"]:
        for target in panel.get("targets", []):
            named = set(re.findall(r"{{(\w+)}}", target["legendFormat"]))
            by = re.findall(r"by \(([\w, ]+)\)", target["expr"])
            differ = {label for each in by for label in each.split(", ")} - {"le"}
            assert named == differ, (panel["title"], target["legendFormat"])
            several = len({each["legendFormat"] for each in panel["targets"]})
            assert several == len(panel["targets"]), panel["title"]


def test_no_variable_is_left_in_an_expression() -> None:
    assert not [each for each in expressions() if "$" in each]


@needs_promtool
def test_the_rules_are_well_formed() -> None:
    assert "SUCCESS" in promtool("check", "rules", str(RULES))


@needs_promtool
def test_the_alerts_fire_when_they_should() -> None:
    assert "SUCCESS" in promtool("test", "rules", "smppd.rules.test.yml", folder=HERE)


@needs_promtool
def test_each_expression_of_the_dashboard_is_one(tmp_path: Path) -> None:
    rules = [{"record": f"smppd:e{n}", "expr": each} for n, each in enumerate(expressions())]
    # JSON is YAML, too.
    file = tmp_path / "dashboard.rules.json"
    file.write_text(json.dumps({"groups": [{"name": "dashboard", "rules": rules}]}))
    assert f"{len(rules)} rules found" in promtool("check", "rules", str(file))


@needs_promtool
def test_an_expression_that_is_none_would_be_noticed(tmp_path: Path) -> None:
    file = tmp_path / "broken.rules.json"
    rules = [{"record": "smppd:e", "expr": "sum by (link (smppd_submits_total)"}]
    file.write_text(json.dumps({"groups": [{"name": "broken", "rules": rules}]}))
    with pytest.raises(AssertionError, match="could not parse expression"):
        promtool("check", "rules", str(file))
