"""The daemon against SMSCs made with other people's SMPP libraries.

What the daemon submits is read by their decoders, and what they answer was made by their
encoders. Texts are compared with what these, or codecs of Python's and smpplib's, make of them.
"""

from __future__ import annotations

import importlib.util
import json
import shutil
import sys
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from smpplib import gsm

if TYPE_CHECKING:
    from tests.e2e.conftest import Daemon, DaemonFactory, Reported, SmscFactory

Line = dict[str, Any]
Command = Callable[[], list[str]]

PEERS = Path(__file__).parent / "peers"
NPM_PACKAGE = PEERS / "node_modules" / "smpp"

MESSAGES = 1000
#: These many more ask for no receipt.
WITHOUT_RECEIPT = 10
WINDOW = 50
#: Its receipts wait for an enquire_link of ours.
PATIENT = "34600000500"

UDHI = 0x40
BINARY, FLASH = 4, 0x10
INTERNATIONAL, ALPHANUMERIC, ISDN, UNKNOWN = (1, 5, 1, 0)
#: What smpp.pdu3 calls them.
NAMES = {"INTERNATIONAL": 1, "ALPHANUMERIC": 5, "ISDN": 1, "UNKNOWN": 0}


#: What some messages have instead of a plain text; those are the remainders of their numbers.
SPECIAL: dict[int, Line] = {
    7: {"text": "¿Ñandú? ¡5 € [a|b] {c} ~d^ \\e!"},
    13: {"text": "Привет, 你好 😀"},
    17: {"text": "Now: {}", "flash": True},
    19: {"data": "00ff1b0a80", "text": None},
    # An escape sequence wherever a part might end, and the same with surrogate pairs.
    21: {"text": "{} " + "€" * 80 + "x" + "€" * 80 + " @end"},
    23: {"data": "cafe", "text": None, "udh": "0605040b8423f0"},
    29: {"text": "Until then", "expires": "2036-01-02T03:04:05Z"},
    33: {"text": "{} " + "😀" * 40 + "я" + "😀" * 30},
    41: {"text": "Ação número {}, «já»", "encoding": "latin1"},
}
REMAINDERS = 50


def npm() -> list[str]:
    if (node := shutil.which("node")) is None:
        pytest.skip("node is not installed")
    if not NPM_PACKAGE.exists():
        folder = PEERS.relative_to(Path(__file__).parents[2])
        pytest.skip(f"missing: npm install --no-save --no-package-lock --prefix {folder}")
    return [node, str(PEERS / "npm_smsc.js")]


def twisted() -> list[str]:
    if importlib.util.find_spec("smpp") is None or not importlib.util.find_spec("smpp.twisted"):
        pytest.skip("missing: pip install smpp.twisted3")
    return [sys.executable, str(PEERS / "twisted_smsc.py")]


def line_of(n: int) -> Line:
    line: Line = {"to": f"+34600{n:06d}", "text": "Message {}", "id": f"m{n}"}
    line["from"] = "ACME" if n % 2 else "+34911000111"
    line |= SPECIAL.get(n % REMAINDERS, {})
    if n >= MESSAGES:
        line["receipt"] = False
    if line["text"] is None:
        del line["text"]
    elif "{}" in line["text"]:
        line["text"] = line["text"].format(n)
    return line


LINES = [line_of(n) for n in range(MESSAGES + WITHOUT_RECEIPT)]


def octets_of(line: Line, data_coding: int) -> bytes:
    """The message's octets, by codecs that are not ours."""
    if data_coding == BINARY:
        return bytes.fromhex(line["data"])
    if data_coding in (0, FLASH):
        return bytes(gsm.gsm_encode(line["text"]))
    return bytes(line["text"].encode({3: "latin-1", 8: "utf-16-be"}[data_coding]))


def tell(name: str, reported: Reported, record: dict[str, Any]) -> None:
    """For those who run it with -s."""
    rate, daemons = len(record["submits"]) / record["seconds"], reported.report["rate"]
    print(f"{name}: {rate:,.0f} parts/s; the daemon says {daemons} messages/s")  # noqa: T201


def run_against(
    peer: list[str], daemon_factory: DaemonFactory, smsc_factory: SmscFactory, folder: Path
) -> tuple[Daemon, Reported, dict[str, Any]]:
    """Send everything, and stop in good order; the SMSC's record with the rest."""
    record = folder / "record.json"
    smsc = smsc_factory([*peer[:2], str(record), PATIENT, *peer[2:]])
    link = {"window": WINDOW, "enquire_link_interval": "2s", "enquire_link_timeout": "2s"}
    daemon = daemon_factory(smsc.port, link=link)
    daemon.start()
    daemon.submit(LINES)
    reported = daemon.wait_report()
    daemon.terminate()
    smsc.stop()
    assert daemon.command("audit")[0] == 0
    return daemon, reported, json.loads(record.read_text())


@pytest.mark.parametrize("peer", [npm, twisted])
def test_a_foreign_smsc_gets_every_message_once_and_understands_it(
    peer: Command, daemon_factory: DaemonFactory, smsc_factory: SmscFactory, tmp_path: Path
) -> None:
    daemon, reported, record = run_against(peer(), daemon_factory, smsc_factory, tmp_path)
    assert record["complaints"] == []
    check_session(record, sessions=1)
    assert link_events(daemon) == ["link_connecting", "link_bound", "link_unbound"]
    check_messages(reported, record)
    tell(peer.__name__, reported, record)


def test_an_smsc_that_unbinds_in_the_middle_costs_no_message(
    daemon_factory: DaemonFactory, smsc_factory: SmscFactory, tmp_path: Path
) -> None:
    daemon, reported, record = run_against([*npm(), "400"], daemon_factory, smsc_factory, tmp_path)
    assert record["complaints"] == []
    check_session(record, sessions=2)
    assert record["unbind_answers"] == 1
    assert link_events(daemon) == [
        *("link_connecting", "link_bound", "link_lost"),
        *("link_connecting", "link_bound", "link_unbound"),
    ]
    assert daemon.events("link_lost")[0]["outcome_unknown"] == 0
    check_messages(reported, record)


def link_events(daemon: Daemon) -> list[str]:
    """What the daemon says of its link; it speaks of "unbound" when that was answered."""
    return [event["event"] for event in daemon.events() if event.get("link") == daemon.link]


def check_session(record: dict[str, Any], sessions: int) -> None:
    bind: dict[str, object] = {"command": "bind_transceiver", "system_type": ""}
    bind |= {"system_id": "peer", "password": "secret", "interface_version": 0x34}
    assert record["binds"] == [bind] * sessions
    assert 10 < record["most_in_flight"] <= WINDOW
    with_receipt = [part for part in record["submits"] if part["registered_delivery"]]
    assert record["receipts"] == len(with_receipt)
    assert record["receipt_answers"] == {"0": len(with_receipt)}
    assert record["enquire_answers"] == record["enquire_links"] >= 10
    assert record["enquire_links_received"] >= 1
    assert record["unbinds"] == 1
    assert record["closed"] == sessions


def check_messages(reported: Reported, record: dict[str, Any]) -> None:
    states = {"delivered": MESSAGES, "sent": WITHOUT_RECEIPT}
    assert reported.report["states"] == states
    assert len(record["submits"]) == reported.report["parts"] > MESSAGES + WITHOUT_RECEIPT
    taken: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for submit in record["submits"]:
        taken[submit["destination_addr"]].append(submit)
    for line, result in zip(LINES, reported.results, strict=True):
        check_message(line, result, taken[line["to"].lstrip("+")])


def check_message(line: Line, result: dict[str, Any], parts: list[dict[str, Any]]) -> None:
    assert result["parts"] == len(parts)
    assert sorted(result["message_ids"]) == sorted(part["message_id"] for part in parts)
    long = len(parts) > 1
    if long:
        numbered = sorted(tuple(part["concatenation"]) for part in parts)
        assert numbered == [(numbered[0][0], len(parts), k + 1) for k in range(len(parts))]
        parts = sorted(parts, key=lambda part: part["concatenation"][2])
    for part in parts:
        check_part(line, part, long=long)
    check_content(line, parts)


def check_part(line: Line, part: dict[str, Any], *, long: bool) -> None:
    sender = line["from"].lstrip("+")
    source_ton, source_npi = (INTERNATIONAL, ISDN) if sender.isdigit() else (ALPHANUMERIC, UNKNOWN)
    expected = {
        "dest_addr_ton": INTERNATIONAL,
        "dest_addr_npi": ISDN,
        "source_addr": sender,
        "source_addr_ton": source_ton,
        "source_addr_npi": source_npi,
        "esm_class": UDHI if long or "udh" in line else 0,
        "registered_delivery": int(line.get("receipt", True)),
        "service_type": "",
        "validity_period": line.get("expires"),
    }
    assert {name: NAMES.get(part[name], part[name]) for name in expected} == expected
    if "udh" in line:
        assert part["udh"] == line["udh"][2:]


def check_content(line: Line, parts: list[dict[str, Any]]) -> None:
    (data_coding,) = {part["data_coding"] for part in parts}
    decoded = [part["text"] for part in parts if part["text"] is not None]
    octets = [part["octets"] for part in parts if part["octets"] is not None]
    assert decoded or octets
    if decoded:
        assert "".join(decoded) == line["text"]
    if octets:
        assert bytes.fromhex("".join(octets)) == octets_of(line, data_coding)
