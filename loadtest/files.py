"""How fast files of one message each go through, with their results, and what each costs.

    python loadtest/files.py --files 100000

Puts so many files into the inbox, starts the simulated SMSC in one process and the daemon in another,
waits until every file has its results, and prints a table. Everything is on loopback and in a
temporary folder (`--folder` chooses the disk). Seconds count from the daemon's start until the last
file is reported; CPU and memory are those of the daemon and of the process that works on files for it.
Memory is given when a quarter of the files was reported, and at its highest. What the disk itself takes for
a new small file is measured beside it: ext4 gives no inode out again for half a minute, so that
for a while after many files were deleted nothing on it is quick. Exit code 1 unless each file has its results,
its report and itself in done/, nothing is left in inbox/ and work/, every message was sent once, and
`smppd audit` finds nothing.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from processes import audit, cpu, free_port, memory, simulated_smsc, start_daemon, stop, until

from smppd.control import ControlUnavailable, ask

CONFIG = """
[spool]
path = "{root}/spool"
[journal]
path = "{root}/journal.db"
[link.main]
hosts = ["127.0.0.1:{port}"]
system_id = "load"
password_env = "SMPPD_LOAD_PASSWORD"
window = 100
reconnect_max = "1s"
[observe]
listen = ""
control = "{root}/control.sock"
"""


@dataclass
class Cost:
    """What one run measured; seconds, and octets of memory at each look."""

    files: int
    seconds: float
    cpu: float
    memory: list[int]
    creating: float
    faults: list[str]

    def rows(self) -> list[tuple[str, str]]:
        """The table."""
        return [
            ("files", f"{self.files:,}"),
            ("files/s, inbox to results", f"{self.files / self.seconds:,.0f}"),
            ("daemon CPU per file", f"{self.cpu / self.files * 1e6:.0f} µs"),
            ("RSS at a quarter, peak", f"{self.memory[0] >> 20} MB, {max(self.memory) >> 20} MB"),
            ("a new file on this disk", f"{self.creating * 1e6:.0f} µs"),
            ("faults", f"{len(self.faults):,}"),
        ]


def main() -> int:
    """Run once and print the table; 1 if anything is not as it must be."""
    options = _options()
    with tempfile.TemporaryDirectory(prefix="smppd-files-", dir=options.folder) as folder:
        cost = run(Path(folder), options)
    for name, value in cost.rows():
        print(f"{name:<28}{value:>12}")
    for fault in cost.faults[:20]:
        print(fault)
    return 1 if cost.faults else 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--files", type=int, default=100_000)
    parser.add_argument("--folder", help="where to work: the disk that is meant")
    parser.add_argument("--timeout", type=float, default=900.0, help="seconds until it is given up")
    parser.add_argument("--smsc", nargs="*", default=[], help="further options of smppd simulate")
    parser.add_argument("--profile", help="write a profile of the daemon (cProfile) here")
    return parser.parse_args()


def run(root: Path, options: argparse.Namespace) -> Cost:
    """Hand in, start both, wait, stop both, look at everything."""
    creating = _hand_in(root, options.files)
    tally, port = root / "tally.json", free_port()
    with simulated_smsc(tally, port, options.smsc):
        began = time.monotonic()
        daemon = start_daemon(root, CONFIG.format(root=root, port=port), options.profile)
        try:
            held = _wait_reported(root, daemon, options)
            seconds, spent = time.monotonic() - began, cpu(daemon.pid)
        finally:
            stop(daemon)
    faults = list(_faults(root, options.files, json.loads(tally.read_text())["accepted"]))
    return Cost(options.files, seconds, spent, held, creating, faults)


def _hand_in(root: Path, files: int) -> float:
    """What a writer does: write in tmp, rename into the inbox. Seconds of CPU for each, writing it."""
    inbox = root / "spool" / "inbox"
    (inbox / "tmp").mkdir(parents=True)
    began = time.process_time()
    for n in range(files):
        draft = inbox / "tmp" / f"m{n:06d}.json"
        text = f"Your code is {n:07d}. It is valid for ten minutes. Do not share it."
        draft.write_text(json.dumps({"to": f"+346{n:08d}", "from": "ACME", "text": text}))
        draft.rename(inbox / draft.name)
    return (time.process_time() - began) / files


def _wait_reported(
    root: Path, daemon: subprocess.Popen[bytes], options: argparse.Namespace
) -> list[int]:
    """Return when all are; the memory there was on the way, from a quarter of them on."""
    held = []

    def look() -> bool:
        reported = _reported(root)
        if reported >= options.files / 4:
            held.append(memory(daemon.pid))
        return bool(reported == options.files)

    until(look, daemon, root, options.timeout, every=1.0)
    return held


def _reported(root: Path) -> int:
    try:
        spool = ask(root / "control.sock", "status")["spool"]
    except ControlUnavailable:  # it is not up yet
        return 0
    reported: int = spool["reported"]
    return reported


def _faults(root: Path, files: int, accepted: int) -> Iterator[str]:
    """Whatever is not as it must be, a line each."""
    if accepted != files:
        yield f"the SMSC took {accepted:,} messages, not {files:,}"
    found = Counter(_kind(path.name) for path in (root / "spool" / "done").glob("*/*"))
    if found != Counter(source=files, results=files, report=files):
        yield f"done/ holds {dict(found)}"
    for path in (root / "spool" / "done").glob("*/*.results.jsonl"):
        source = json.loads(path.with_name(path.name.removesuffix(".results.jsonl")).read_bytes())
        (line,) = map(json.loads, path.read_bytes().splitlines())
        if line["state"] != "delivered" or line["to"] != source["to"].lstrip("+"):
            yield f"{path.name}: {line}"
    left = [path for name in ("inbox", "work") for path in (root / "spool" / name).rglob("*.json*")]
    if left or any((root / "spool" / "work").iterdir()):
        yield f"left over in inbox/ and work/: {left[:3]}"
    audited = audit(root)
    if audited.returncode:
        yield f"audit: {audited.stdout}{audited.stderr}"


def _kind(name: str) -> str:
    if name.endswith(".results.jsonl"):
        return "results"
    return "report" if name.endswith(".report.json") else "source"


if __name__ == "__main__":
    sys.exit(main())
