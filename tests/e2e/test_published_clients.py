"""The clients that the provider publishes, against the simulated provider as a process.

What they send was not made by our code, and what they make of the answers is what a user of theirs
would see. Their mistakes are theirs; what arrives because of them is written down here.
"""

from __future__ import annotations

import importlib.util
import json
import re
import shutil
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from http.client import InvalidURL
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

PEERS = Path(__file__).parent / "peers"
USER, PASSWORD = "me@example.net", "secret"
TO = "34600000001"
#: Where the PyPI package calls, whatever it is told.
THEIRS = "http://www.afilnet.com/api/http/"

SCRIPT = f"""
listen = "127.0.0.1:0"

[http]
user = "{USER}"
password = "{PASSWORD}"
balance = 100

[[http.template]]
id = "1000"
text = "Hola <name>"

[[http.group]]
id = "7"
contacts = [{{ mobile = "600000002", name = "Eva" }}, {{ mobile = "600000003", name = "Leo" }}]
"""


class Served:
    """A simulated provider, and what it saw once it has ended."""

    def __init__(self, folder: Path) -> None:
        self._tally = folder / "tally.json"
        script = folder / "script.toml"
        script.write_text(SCRIPT)
        command = [sys.executable, "-m", "smppd", "simulate", "--script", str(script)]
        self.process = subprocess.Popen(
            [*command, f"--tally-file={self._tally}"], stdout=subprocess.PIPE, text=True
        )
        assert self.process.stdout is not None
        said = [self.process.stdout.readline() for _ in range(2)][1]
        found = re.fullmatch(r"HTTP APIs: (\S+) and .*\n", said)
        assert found is not None, said
        self.url = found[1]

    def tally(self) -> dict[str, Any]:
        """End it; what it saw."""
        self.process.terminate()
        assert self.process.wait(20) == 0
        return dict(json.loads(self._tally.read_text()))

    def texts(self) -> dict[tuple[str, str], int]:
        """What was taken, and how often."""
        seen = {}
        for key, count in self.tally()["messages"].items():
            to, octets = key.split()
            seen[to, bytes.fromhex(octets).decode("ascii", "replace")] = count
        return seen


@pytest.fixture
def served(tmp_path: Path) -> Iterator[Served]:
    served = Served(tmp_path)
    yield served
    served.process.kill()
    served.process.communicate()


def test_the_npm_package_gets_what_it_expects(served: Served) -> None:
    node = shutil.which("node")
    if node is None:
        pytest.skip("node is not installed")
    if not (PEERS / "node_modules" / "afilnet").exists():
        folder = PEERS.relative_to(Path(__file__).parents[2])
        pytest.skip(f"missing: npm install --no-save --no-package-lock --prefix {folder}")
    command = [node, str(PEERS / "npm_client.js"), served.url, USER, PASSWORD, "7", "1000"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True)
    got = json.loads(done.stdout)

    assert (got["login_wrong"], got["login"]) == (False, True)
    # "¿Qué? 1 + 1 & = 100% €" fits GSM 7-bit, so each of these is one part.
    first = 1_000_000_001
    sent = {"status": "SUCCESS", "result": {"messageid": str(first), "credits": "1"}}
    assert got["send"] == sent
    assert got["send_later"]["result"] == {"messageid": str(first + 1), "credits": "1"}
    assert got["template"]["result"] == {"messageid": str(first + 2), "credits": "1"}
    assert got["template_unknown"] == {"status": "ERROR", "error": "NOT_ACCESS_TO_TEMPLATE"}
    for name, batch, of in (("group", "1", first + 3), ("group_template", "2", first + 5)):
        result = got[name]["result"]
        assert (result["id"], result["count"], result["credits"]) == (batch, "2", "2")
        assert result["destinations"] == [
            {"messageid": str(of), "destination": "34600000002"},
            {"messageid": str(of + 1), "destination": "34600000003"},
        ]
    assert got["status"]["result"]["sms"] == "¿Qué? 1 + 1 & = 100% €"
    assert got["status"]["result"]["deliverystatus"] == "DELIVRD"
    assert got["balance"] == {"status": "SUCCESS", "result": "93"}
    assert got["email"] == {"status": "ERROR", "error": "INCORRECT_CLASS"}
    assert got["username"] == USER

    tally = served.tally()
    assert sum(tally["messages"].values()) == 7
    assert tally["taken_twice"] == 0
    assert tally["calls"]["sms.sendsms"] == {"arrived": 2, "done": 2, "refused": {}, "faults": {}}
    assert tally["calls"]["user.getbalance"]["refused"] == {"INCORRECT_USER_PASSWORD": 1}


@pytest.fixture
def client(served: Served, monkeypatch: pytest.MonkeyPatch) -> Any:
    """The PyPI package, whose URL is written into each of its functions."""
    if importlib.util.find_spec("afilnet") is None:
        pytest.skip("missing: pip install afilnet")
    import afilnet  # noqa: PLC0415 - it may not be there

    def urlopen(url: str) -> Any:
        assert url.startswith(THEIRS)
        return urllib.request.urlopen(served.url + url.removeprefix(THEIRS), timeout=20)

    monkeypatch.setattr(afilnet, "urllib2", SimpleNamespace(urlopen=urlopen))
    return afilnet


def test_the_pypi_package_gets_what_it_expects(served: Served, client: Any) -> None:
    me = (USER, PASSWORD)
    assert client.isUser(*me) is True
    assert client.isUser(USER, "wrong") is False
    sent = client.sendSms(*me, TO, "Hola", "ACME")
    assert sent == {"status": "SUCCESS", "result": {"messageid": "1000000001", "credits": "1"}}
    filled = client.sendSmsFromTemplate(*me, TO, "1000", "name:Ana")
    assert filled["result"] == {"messageid": "1000000002", "credits": "1"}
    status = client.getDeliveryStatus(*me, "sms", "1000000001,1000000002")
    told = [(each["messageid"], each["sms"], each["deliverystatus"]) for each in status["result"]]
    assert told == [("1000000001", "Hola", "DELIVRD"), ("1000000002", "Hola Ana", "DELIVRD")]
    assert client.getBalance(*me) == {"status": "SUCCESS", "result": "98"}
    assert client.sendEmail(*me, "s", "a@b.example", "t") == {
        "status": "ERROR",
        "error": "INCORRECT_CLASS",
    }
    assert served.texts() == {(TO, "Hola"): 1, (TO, "Hola Ana"): 1}


def test_sends_to_groups_of_the_pypi_package_lack_an_equals_sign(
    served: Served, client: Any
) -> None:
    """It writes `&countrycode34` and `&idgroup7`, so both are missing; who brings the sign along
    gets through."""
    me = (USER, PASSWORD)
    missing = {"status": "ERROR", "error": "MISSING_COMPULSORY_PARAM"}
    assert client.sendSmsToGroup(*me, "ACME", "34", "7", "Hola") == missing
    assert client.sendSmsToGroupFromTemplate(*me, "34", "7", "1000") == missing
    result = client.sendSmsToGroup(*me, "ACME", "=34", "7", "Hola")["result"]
    assert (result["count"], result["credits"]) == ("2", "2")
    result = client.sendSmsToGroupFromTemplate(*me, "34", "=7", "1000")["result"]
    assert [each["destination"] for each in result["destinations"]] == [
        "34600000002",
        "34600000003",
    ]
    assert served.texts() == {
        ("34600000002", "Hola"): 1,
        ("34600000003", "Hola"): 1,
        ("34600000002", "Hola Eva"): 1,
        ("34600000003", "Hola Leo"): 1,
    }


def test_the_pypi_package_encodes_nothing(served: Served, client: Any) -> None:
    """A space or a letter beyond ASCII goes nowhere, `+` arrives as a space, and `&` ends it."""
    me = (USER, PASSWORD)
    for text in ("two words", "señor"):
        with pytest.raises((InvalidURL, UnicodeEncodeError)):
            client.sendSms(*me, TO, text, "ACME")
    for text in ("two+words", "fish&chips", "50%25", "a#b"):
        assert client.sendSms(*me, TO, text, "ACME")["status"] == "SUCCESS"
    assert served.texts() == {
        (TO, "two words"): 1,
        (TO, "fish"): 1,
        (TO, "50%"): 1,
        (TO, "a"): 1,
    }
