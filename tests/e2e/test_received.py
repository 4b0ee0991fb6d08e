"""Messages from handsets while the daemon is killed again and again, between any two of their parts."""

from __future__ import annotations

import json
import random
import time
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.processes import simulator

if TYPE_CHECKING:
    from tests.e2e.conftest import Daemon, DaemonFactory, SmscFactory

#: Fewer than references of one octet, which one handset would use again only after as many.
MESSAGES = 240
KILLS = 6
#: deliver_sm that the SMSC leaves without an answer at once: what a kill may have it send again.
WINDOW = 20
REST = "x" * 320


def letters(daemon: Daemon) -> list[dict[str, Any]]:
    """Everything in received/new/."""
    return [
        json.loads(path.read_bytes()) for path in (daemon.spool / "received/new").glob("*.json")
    ]


@pytest.mark.parametrize("split", ["udh16", "sar"])
def test_p64_killed_between_the_parts_no_message_is_lost_or_torn(
    smsc_factory: SmscFactory, daemon_factory: DaemonFactory, tmp_path: Path, split: str
) -> None:
    chance = random.Random(1)
    command = simulator()
    command += [f"--mo-count={MESSAGES}", "--mo-rate=80", "--mo-text={n}" + REST]
    command += [f"--mo-split={split}", "--mo-backwards", f"--receipt-window={WINDOW}"]
    tally_file = tmp_path / "tally.json"
    smsc = smsc_factory([*command, f"--tally-file={tally_file}"])
    daemon = daemon_factory(smsc.port)
    for _ in range(KILLS):
        daemon.start()
        # The random instant is the point of the test.
        time.sleep(chance.uniform(0.05, 0.4))
        daemon.kill()
    daemon.start()
    daemon.wait(lambda: len(numbers(daemon)) == MESSAGES, "every message", 60)
    daemon.terminate()
    smsc.stop()
    found = letters(daemon)
    assert all(letter["text"].endswith(REST) for letter in found)
    assert {(letter["parts"], *letter["missing"]) for letter in found} == {(3,)}
    again = sum(count - 1 for count in numbers(daemon).values())
    assert again <= KILLS * WINDOW
    mo = json.loads(tally_file.read_text())["mo"]
    assert mo["acknowledged"] == mo["made"] == 3 * MESSAGES
    assert mo["refused"] == 0
    assert mo["again"] > 0, "no kill met a deliver_sm without an answer"


def numbers(daemon: Daemon) -> Counter[str]:
    """How often each message is there."""
    return Counter(letter["text"].removesuffix(REST) for letter in letters(daemon))
