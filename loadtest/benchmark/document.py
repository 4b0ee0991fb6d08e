"""The JSON of a report: what it is made of, written and read."""

from __future__ import annotations

import os
import platform
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

import msgspec

from benchmark.growth import Growth, merged
from benchmark.results import Run
from smppd import __version__


class ReadError(Exception):
    """A file is no report; one line for people."""


class Document(msgspec.Struct, kw_only=True):
    """All runs and series of one command, and the machine they ran on. `form` is the version of this shape."""

    form: int = 1
    made: str
    smppd: str
    machine: dict[str, str]
    runs: list[Run]
    growths: list[Growth] = []


def document(runs: list[Run], growths: Sequence[Growth] = ()) -> Document:
    """What is written of these runs and series, made now, here."""
    return Document(
        made=datetime.now(UTC).isoformat(timespec="seconds"),
        smppd=__version__,
        machine=machine(),
        runs=runs,
        growths=list(growths),
    )


def machine() -> dict[str, str]:
    """What figures depend on."""
    return {
        "processor": _processor(),
        "cores": str(os.cpu_count()),
        "system": f"{platform.system()} {platform.release()}",
        "python": platform.python_version(),
    }


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        lines = []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()


def write_document(written: Document, path: Path) -> None:
    """As JSON. Raises OSError."""
    path.write_bytes(msgspec.json.format(msgspec.json.encode(written)) + b"\n")


def read_document(path: Path) -> Document:
    """From JSON. Raises ReadError."""
    try:
        found = msgspec.json.decode(path.read_bytes(), type=Document)
    except OSError as error:
        raise ReadError(f"cannot read {path}: {error.strerror}") from None
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise ReadError(
            f"{path} is no report of bench.py: {error}; name a file that --json wrote"
        ) from None
    if found.form != 1:
        raise ReadError(f"{path} is of form {found.form}, and this program reads form 1")
    return found


def merged_documents(documents: Sequence[Document]) -> Document:
    """Several as one, which is as old as the last; of a profile, or of a point of a series, that more
    than one has, the last counts."""
    runs = {run.profile: run for each in documents for run in each.runs}
    growths = merged(growth for each in documents for growth in each.growths)
    return msgspec.structs.replace(documents[-1], runs=list(runs.values()), growths=growths)
