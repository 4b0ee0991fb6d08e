"""How fast a file gets into the journal, and what each of its lines costs.

    python loadtest/intake.py --lines 1000000
    python loadtest/intake.py --lines 300000 --kind plain --kind x --kind gaps --kind ids
    python loadtest/intake.py --lines 200000 --format csv --text accented --kind ids

Starts the daemon with a link whose SMSC does not answer, hands in one file, waits until every line
of it is in the journal, on disk, stops the daemon, and has `smppd audit` count; then the same with
the next kind of lines. CPU is that of the daemon's process alone, user and system, from the hand-in
until the last line is in. Exit code 1 unless the journal holds every line, queued, and the audit
finds nothing wrong.

`x`: two x- fields on every line. `gaps`: a text for the whole file with two gaps. `ids`: an id of its
own on every line. `mixed`: one line in a hundred is no plain one. `estimate`: no daemon, what
`smppd estimate` takes for plain lines.

With --profile FILE the daemon, or the estimate, runs under cProfile; its figures are then no measure.
"""

from __future__ import annotations

import argparse
import csv
import gzip
import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import TextIO

from benchmark import profiles
from benchmark.setting import configuration
from processes import audit, cpu, start_daemon, stop, until, written

FORMATS = ("jsonl", "csv", "jsonl.gz", "csv.gz")
KINDS = ("plain", "x", "gaps", "ids", "mixed", "estimate")

#: What a line says, by the name of the option: the number makes each of them another.
TEXTS = {
    "short": "{n:07d} is your code.",
    "160": "{n:07d} "
    + "Todo lo que necesita saber de su pedido. " * 3
    + "Gracias por su compra hoy. Ok",
    "accented": "{n:07d} Señor, su código llegará mañana por la tarde, ¿está bien así? ¡Adiós!",
    **{name: profiles.TEXTS[name] for name in ("usual", "ucs2", "long")},
}
#: The text of a file with gaps.
GAPS = "{name}: your code is {code}. It is valid for ten minutes. Do not share it."


@dataclass
class Cost:
    """What one run measured; seconds, octets and microseconds."""

    kind: str
    lines: int
    octets: int
    seconds: float
    cpu: float
    rss: int
    written: int
    queued: int
    audited: bool

    @property
    def complete(self) -> bool:
        """Whether the journal holds every line."""
        return self.audited and self.queued == self.lines

    def cells(self) -> dict[str, str]:
        """A row of the table."""
        return {
            "lines of kind": self.kind,
            "octets each": f"{self.octets / self.lines:.0f}",
            "lines/s": f"{self.lines / self.seconds:,.0f}",
            "CPU per line": f"{self.cpu / self.lines * 1e6:.1f} µs",
            "peak RSS": f"{self.rss / 1024:.0f} MB",
            "written per line": f"{self.written / self.lines:.0f}",
            "queued": f"{self.queued:,}",
            "audit": "holds" if self.audited else "FAILED",
        }


def main() -> int:
    """Run each kind once and print the table; 1 if a line is missing."""
    options = _options()
    complete = True
    for number, kind in enumerate(options.kind or ["plain"]):
        with tempfile.TemporaryDirectory(prefix="smppd-intake-", dir=options.folder) as folder:
            measure = estimated if kind == "estimate" else run
            cost = measure(Path(folder), kind, options)
        cells = cost.cells()
        if not number:
            print("".join(f"{name:>17}" for name in cells))
        print("".join(f"{cell:>17}" for cell in cells.values()), flush=True)
        complete = complete and cost.complete
    return 0 if complete else 1


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--lines", type=int, default=1_000_000)
    parser.add_argument("--format", choices=FORMATS, default="jsonl")
    parser.add_argument("--text", choices=TEXTS, default="usual")
    parser.add_argument("--kind", choices=KINDS, action="append", help="given again: one more run")
    parser.add_argument("--folder", type=Path, help="where spool and journal are, for the run")
    parser.add_argument("--profile", type=Path, help="run the daemon under cProfile")
    parser.add_argument("--timeout", type=float, default=600.0, help="seconds until it is given up")
    return parser.parse_args()


def run(root: Path, kind: str, options: argparse.Namespace) -> Cost:
    """Start the daemon, hand in, wait, stop it, audit."""
    with _silent_port() as port:
        daemon = start_daemon(root, _config(root, port), options.profile)
        try:
            _wait_event("daemon_started", daemon, root, 30.0)
            draft = _write(root / "spool" / "inbox" / "tmp", kind, options)
            octets = draft.stat().st_size
            spent, began = cpu(daemon.pid), time.monotonic()
            for path in (_sidecar(draft), draft):
                if path.exists():
                    path.rename(root / "spool" / "inbox" / path.name)
            _wait_event("file_admitted", daemon, root, options.timeout)
            seconds, spent = time.monotonic() - began, cpu(daemon.pid) - spent
        finally:
            to_disk = written(daemon.pid)
            usage = stop(daemon)
    audited = audit(root)
    found = json.loads(audited.stdout)
    return Cost(
        kind,
        options.lines,
        octets,
        seconds,
        spent,
        usage.ru_maxrss,
        to_disk,
        found["states"]["queued"],
        found["ok"] and audited.returncode == 0,
    )


def estimated(root: Path, kind: str, options: argparse.Namespace) -> Cost:
    """What `smppd estimate` takes, from its start to its end."""
    config = root / "smppd.toml"
    config.write_text(_config(root, 1))
    draft = _write(root, kind, options)
    profiling = ["-m", "cProfile", "-o", str(options.profile)] if options.profile else []
    command = [sys.executable, *profiling, "-m", "smppd", "estimate", "--json", str(draft)]
    environment = {**os.environ, "SMPPD_LOAD_PASSWORD": "secret"}
    began = time.monotonic()
    with subprocess.Popen(
        [*command, "--config", str(config)], stdout=subprocess.PIPE, env=environment
    ) as process:
        assert process.stdout is not None
        found = json.loads(process.stdout.read())
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    seconds, spent = time.monotonic() - began, usage.ru_utime + usage.ru_stime
    queued, octets = found["states"]["queued"], draft.stat().st_size
    fine = process.returncode == 0
    return Cost(kind, options.lines, octets, seconds, spent, usage.ru_maxrss, 0, queued, fine)


def _config(root: Path, port: int) -> str:
    return configuration(root, profiles.PROFILES["bulk"], [(f"127.0.0.1:{port}", "load")])


@contextmanager
def _silent_port() -> Iterator[int]:
    """A port that takes connections and never answers."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


# ── the file ─────────────────────────────────────────────────────────────────────────────────


def _write(folder: Path, kind: str, options: argparse.Namespace) -> Path:
    form = options.format.removesuffix(".gz")
    draft = folder / f"load.{form}"
    lines = _lines(kind, options)
    campaign = {"name": "load", "text": GAPS} if kind == "gaps" else None
    with draft.open("w", encoding="utf-8", newline="") as file:
        if form == "jsonl":
            heading = [] if campaign is None else [{"campaign": campaign}]
            for line in chain(heading, lines):
                file.write(json.dumps(line, ensure_ascii=False) + "\n")
        else:
            _write_csv(file, lines)
    if campaign is not None and form == "csv":
        _sidecar(folder / f"load.{options.format}").write_text(json.dumps(campaign))
    if form == options.format:
        return draft
    packed = folder / f"load.{options.format}"
    with draft.open("rb") as plain, gzip.open(packed, "wb", compresslevel=1) as octets:
        shutil.copyfileobj(plain, octets)
    draft.unlink()
    return packed


def _sidecar(path: Path) -> Path:
    return path.with_name(f"{path.name}.meta.json")


def _lines(kind: str, options: argparse.Namespace) -> Iterator[dict[str, str]]:
    text = TEXTS[options.text]
    for n in range(options.lines):
        line = {"to": f"+346{n:08d}", "from": "ACME", "text": text.format(n=n)}
        if kind == "ids":
            line["id"] = f"load-{n}"
        elif kind == "x":
            line |= {"x-order": f"A-{n}", "x-customer": f"customer {n % 9973}"}
        elif kind == "gaps":
            line = {"to": line["to"], "from": "ACME", "x-name": "Ana", "x-code": f"{n:07d}"}
        elif kind == "mixed" and n % 100 == 0:
            line["priority"] = "normal"
        yield line


def _write_csv(file: TextIO, lines: Iterator[dict[str, str]]) -> None:
    first = next(lines)
    writer = csv.DictWriter(file, list(first), lineterminator="\n")
    writer.writeheader()
    writer.writerows(chain([first], lines))


# ── the daemon ───────────────────────────────────────────────────────────────────────────────


def _wait_event(event: str, daemon: subprocess.Popen[bytes], root: Path, timeout: float) -> None:
    """Until the daemon's log has this event."""

    def is_there() -> bool:
        log = (root / "log").read_text()
        if '"file_quarantined"' in log:
            sys.exit(f"the file was not taken:\n{log[-2000:]}")
        return f'"{event}"' in log

    until(is_there, daemon, root, timeout, every=0.02)


if __name__ == "__main__":
    sys.exit(main())
