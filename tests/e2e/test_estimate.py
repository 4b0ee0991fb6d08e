"""An estimate never disagrees with what comes of the same file when it is sent."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

import pytest

from tests.processes import simulator

if TYPE_CHECKING:
    from tests.e2e.conftest import DaemonFactory, SmscFactory

PRICES = """
[prices]
currency = "EUR"
default = 0.07
ES = "0.0412"
FR = 0.05
"""
TEXTS = (
    "Hola {n}",
    "Señor, su código {n} está aquí",
    "{n} " + "Todo lo que necesita saber. " * 8,
    "{n} Ana\u2019s " + "x" * 90,
    "{n} Здравствуйте " + "ж" * 60,
    "{n} [€] " + "^" * 80,
)


def lines() -> list[dict[str, object]]:
    found: list[dict[str, object]] = [
        {"campaign": {"name": "spring", "from": "ACME", "transliterate": False}}
    ]
    for n in range(120):
        to = ("+346{:08d}", "+336{:08d}", "0044 7700 {:06d}", "{:02d}", "+1305{:07d}")[n % 5]
        found.append(
            {"to": to.format(n % 100), "text": TEXTS[n % 6].format(n=n), "id": f"m{n % 110}"}
        )
    found.append({"to": ["+34611111111", "+34622222222", "3"], "text": "several"})
    found.append({"to": "+34633333333", "data": "00ff"})
    found.append({"to": "+34633333334", "text": "flash", "flash": True, "transliterate": True})
    found.append({"to": "+34644444444", "text": "Ana\u2019s", "transliterate": True})
    found.append({"to": "+34655555555"})
    return found


@pytest.mark.parametrize("split", ["udh8", "payload"])
def test_an_estimate_is_what_the_report_says(
    smsc_factory: SmscFactory, daemon_factory: DaemonFactory, split: str
) -> None:
    smsc = smsc_factory(simulator())
    daemon = daemon_factory(smsc.port, link={"split": split}, more=PRICES)
    daemon.start()
    code, _ = daemon.command("optout", "add", "+34600000000", "+33600000001")
    assert code == 0
    daemon.submit(lines())
    reported = daemon.wait_report()
    place = daemon.folder / "batch.jsonl"
    place.write_bytes(reported.source.read_bytes())
    code, found = daemon.command("estimate", str(place))
    daemon.terminate()
    assert code == 0

    left = [each for each in reported.results if each["state"] == "delivered"]
    states = Counter(each["state"] for each in reported.results)
    assert found["messages"] == reported.report["messages"]
    assert found["states"] == {
        "queued": states["delivered"],
        "rejected": states["rejected"],
        "duplicate": states["duplicate"],
    }
    assert found["campaign"] == reported.report["campaign"] == "spring"
    assert found["parts"] == sum(each["parts"] for each in left)
    assert found["encodings"] == Counter(each["encoding"] for each in left)
    assert found["lengths"] == Counter(str(each["parts"]) for each in left)
    errors = Counter(each["error"]["code"] for each in reported.results if each["error"])
    assert found["opted_out"]["count"] == errors.pop("OPTED_OUT")
    assert found["repeated"]["ids"]["messages"] == errors.pop("DUPLICATE")
    assert {code: each["count"] for code, each in found["rejected"].items()} == errors
    assert found["cost"]["estimated"] == pytest.approx(reported.report["cost"]["estimated"])
    assert found["cost"]["unpriced"] == reported.report["cost"]["unpriced"]
    for country, each in found["countries"].items():
        theirs = reported.report["countries"][country]
        assert each["messages"] == theirs["states"]["delivered"]
        assert each["cost"] == pytest.approx(theirs["cost"])
