"""What it costs to remove old messages, and to take texts out, while others are sent.

    python loadtest/keeping.py --old 500000 --messages 60000

Fills a journal with old messages, all of them delivered. Then, each time on a copy of it, hands in a
file and, meanwhile, messages of high priority one by one, while nothing is removed, while the old ones
are, and while their texts are taken out; and prints what each came to, side by side.
"""

from __future__ import annotations

import argparse
import shutil
import sqlite3
import sys
import tempfile
from contextlib import closing
from dataclasses import replace
from pathlib import Path

from benchmark.figures import BY_KEY, shown
from benchmark.profiles import PROFILES, Profile
from benchmark.running import running, told
from benchmark.setting import Setting, configuration
from processes import first_value, start_daemon, stop, until

#: How old the base is by which the old messages go, in seconds.
LONG_AGO = 60 * 86_400
TERMS = {
    "nothing": '[retention]\njournal = "never"\n',
    "removing": '[retention]\njournal = "30d"\n',
    "stripping": '[retention]\njournal = "never"\ncontents = "drop-when-final"\n',
}
COLUMNS = ("rate", "daemon_cpu", "commit_p50", "commit_p99", "high_p50", "high_p99")


def main() -> int:
    """Run once and print the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--old", type=int, default=500_000)
    parser.add_argument("--messages", type=int, default=60_000)
    parser.add_argument("--rounds", type=int, default=1)
    options = parser.parse_args()
    bulk, urgent = PROFILES["queued"].streams
    load = replace(
        PROFILES["bulk"],
        messages=options.messages,
        first=options.old,
        streams=(bulk, urgent),
    )
    with tempfile.TemporaryDirectory(prefix="smppd-keeping-") as folder:
        old = _fill(Path(folder), replace(PROFILES["bulk"], messages=options.old))
        print(f"{'':>10}" + "".join(f"{name:>13}" for name in (*COLUMNS, "worked off")))
        for _ in range(options.rounds):
            for name in TERMS:
                print(f"{name:>10}" + "".join(f"{cell:>13}" for cell in _measure(old, name, load)))
                sys.stdout.flush()
    return 0


def _fill(folder: Path, load: Profile) -> Path:
    """A journal of messages that are over, with an old base that says so."""
    journal = folder / "journal.db"
    with running(load, Setting(more=TERMS["nothing"])) as (root, observed):
        if observed.states != {"delivered": load.messages}:
            sys.exit(f"not all were sent: {observed.states}")
        shutil.copy(root / "journal.db", journal)
    config = configuration(folder, load, [("127.0.0.1:1", "load")]) + TERMS["removing"]
    daemon = start_daemon(folder, config)
    until(lambda: bool(first_value(journal, "SELECT count(*) FROM base")), daemon, folder, 30.0)
    stop(daemon)
    with closing(sqlite3.connect(journal, isolation_level=None)) as sql:
        sql.execute("UPDATE base SET at = at - ?", (LONG_AGO,))
        sql.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    return journal


def _measure(old: Path, name: str, load: Profile) -> list[str]:
    """The cells of a row."""
    setting = Setting(journal=old, more=TERMS[name])
    with running(load, setting) as (root, observed):
        if observed.states != {"delivered": observed.messages}:
            sys.exit(f"not all were sent: {observed.states}")
        figures = told(root, load, setting, observed).figures
        worked_off = _worked_off(root / "journal.db") - _worked_off(old)
    return [*(shown(BY_KEY[key], figures[key]) for key in COLUMNS), f"{worked_off:,}"]


def _worked_off(journal: Path) -> int:
    """Messages that were removed, and facts that were looked through for texts."""
    removed = "SELECT total(messages) FROM removed"
    looked_through = "SELECT total(seq) FROM cursor WHERE name = 'contents'"
    return sum(int(first_value(journal, each) or 0) for each in (removed, looked_through))


if __name__ == "__main__":
    sys.exit(main())
