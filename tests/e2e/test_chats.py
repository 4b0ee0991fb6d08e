"""Messages from a chat while the daemon is killed again and again, and whoever reads them takes them
away: each comes once."""

from __future__ import annotations

import json
import random
import re
import time
from collections import Counter
from typing import TYPE_CHECKING

from tests.processes import simulator

if TYPE_CHECKING:
    from tests.e2e.conftest import Daemon, DaemonFactory, SmscFactory

MESSAGES = 300
KILLS = 8

_SECTIONS = """
[http.shop]
url = "{url}"
user = "me"
password_file = "password"

[chat]
poll_interval = "1s"

[[chat.channel]]
platform = "whatsapp"
platformid = "100"
"""


def take(daemon: Daemon, taken: Counter[str]) -> None:
    """Take every message away, as its reader does."""
    for path in (daemon.spool / "received" / "new").glob("*.json"):
        taken[json.loads(path.read_bytes())["text"]] += 1
        path.unlink()


def test_killed_at_any_instant_each_message_of_a_chat_comes_once(
    smsc_factory: SmscFactory, daemon_factory: DaemonFactory
) -> None:
    chance, taken = random.Random(1), Counter[str]()
    command = simulator()
    command += ["--http-listen=127.0.0.1:0", "--http-channel=platform=whatsapp,platformid=100"]
    command += [f"--chat-count={MESSAGES}", "--chat-rate=30", "--chat-text={n}"]
    smsc = smsc_factory([*command, "--http-fault=what=lost,op=chat.getunreadmessages,every=4"])
    url = smsc.program.wait(
        lambda: re.search(r"^HTTP APIs: (\S+/api/http/) ", smsc.program.log, re.MULTILINE), "URL"
    )[1]
    daemon = daemon_factory(smsc.port, more=_SECTIONS.format(url=url))
    for _ in range(KILLS):
        daemon.start(bound=False)
        # The random instant is the point of the test.
        time.sleep(chance.uniform(0.05, 1.3))
        daemon.kill()
        take(daemon, taken)
    daemon.start(bound=False)

    def all_there() -> bool:
        take(daemon, taken)
        return len(taken) == MESSAGES

    daemon.wait(all_there, "every message", 60)
    daemon.terminate()
    take(daemon, taken)
    smsc.stop()
    assert taken == Counter(str(number) for number in range(1, MESSAGES + 1))
    assert not list((daemon.spool / "received" / "chat").iterdir())
