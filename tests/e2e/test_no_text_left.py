"""`contents = "drop-when-final"`, with a real daemon that is killed: when all is final, no file that it
keeps has anything of a text, in whatever writing."""

from __future__ import annotations

import json
import signal
from contextlib import closing, suppress
from pathlib import Path

from smppd.journal.store import open_reader
from smppd.smpp.gsm7 import pack
from tests.e2e.test_kill import Bench, smsc, until

SECRET = "Geheimnis7Treffpunkt"
#: Messages of each kind.
EACH = 8

MORE = """
[link.packed]
hosts = ["127.0.0.1:{port}"]
system_id = "other"
password_env = "SMPPD_TEST_PASSWORD"
data_coding_0 = "gsm7_packed"
on_unknown = "resend"
reconnect_min = "50ms"
[retention]
contents = "drop-when-final"
[events]
stream = true
"""

KINDS = {
    "short": {"text": SECRET},
    "long": {"text": (SECRET + " und ") * 12},
    "ucs2": {"text": SECRET + " \u4f60\u597d"},
    "long-ucs2": {"text": (SECRET + " \u4f60\u597d ") * 6},
    "binary": {"data": SECRET.encode().hex()},
    "packed": {"text": SECRET, "via": "packed"},
    "long-packed": {"text": (SECRET + " und ") * 12, "via": "packed"},
}


def packed_writings() -> list[bytes]:
    """The text as it stands among packed septets, wherever it begins."""
    found = [pack(bytes(ahead) + SECRET.encode()) for ahead in range(8)]
    return [each[-14:-2] for each in found]


def writings() -> dict[str, list[bytes]]:
    """A good part of the text in each writing."""
    plain, wide = SECRET[:10].encode(), SECRET[:10].encode("utf-16-be")
    known = {"plain": [plain], "wide": [wide, SECRET[:10].encode("utf-16-le")]}
    known["packed"] = packed_writings()
    known["hex"] = [each.hex().encode() for few in list(known.values()) for each in few]
    return known


def told(root: Path) -> dict[str, set[str]]:
    """In which files it stands, by writing. What the SMSC keeps is not the daemon's."""
    found: dict[str, set[str]] = {}
    for path in sorted(root.rglob("*")):
        octets = b""
        with suppress(FileNotFoundError):
            octets = path.read_bytes() if path.is_file() else b""
        for writing, several in writings().items():
            plain = octets.lower() if writing == "hex" else octets
            if path.name != "tally.json" and any(each in plain for each in several):
                found.setdefault(writing, set()).add(path.name)
    return found


def hand_in(spool: Path) -> int:
    draft = spool / "inbox" / "tmp" / "secret.jsonl"
    lines = [
        {"to": f"+3461{n:07d}", "id": f"{kind}-{n}", **fields}
        for n in range(EACH)
        for kind, fields in KINDS.items()
    ]
    draft.write_text("".join(json.dumps(line) + "\n" for line in lines))
    draft.rename(spool / "inbox" / draft.name)
    return len(lines)


def admitted(journal: Path) -> int:
    with closing(open_reader(journal)) as store:
        return store.messages.count()


def test_when_all_is_final_no_file_has_a_text(tmp_path: Path) -> None:
    with smsc(tmp_path) as (port, _):
        bench = Bench(tmp_path, port, "resend")
        whole = bench.config.read_text() + MORE.format(port=port)
        bench.config.write_text(whole.replace(f":{port}", ":1"))
        daemon = bench.start()
        until(lambda: "daemon_started" in bench.log.read_text(), daemon, bench.log, 30)
        count = hand_in(bench.spool)
        until(lambda: admitted(tmp_path / "journal.db") == count, daemon, bench.log, 30)
        daemon.kill()
        daemon.wait(10)
        assert told(tmp_path).keys() >= {"plain", "wide", "packed"}, "the test would see it"
        bench.config.write_text(whole)
        daemon = bench.start()
        until(lambda: bench.reports() == 1, daemon, bench.log, 60)
        daemon.kill()
        daemon.wait(10)
        daemon = bench.start()
        started = '"daemon_started"'
        until(lambda: bench.log.read_text().count(started) == 3, daemon, bench.log, 30)
        until(lambda: not told(tmp_path), daemon, bench.log, 30)
        daemon.send_signal(signal.SIGTERM)
        assert daemon.wait(60) == 0, bench.log.read_text()[-3000:]
        assert told(tmp_path) == {}
        results = bench.results()
        assert {line["state"] for line in results.values()} == {"delivered"}
        assert len(results) == count
        receipts = list((bench.spool / "receipts").glob("*.jsonl"))
        assert sum(len(path.read_text().splitlines()) for path in receipts) >= count
        assert bench.ask("audit")[0] == 0
