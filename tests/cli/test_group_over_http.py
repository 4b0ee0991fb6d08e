"""Contacts loaded by processes of their own into the simulated provider, served over HTTP."""

from __future__ import annotations

import contextlib
import json
import re
import signal
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

from smppd.journal.store import open_store
from tests.processes import PATIENCE, finish, smppd

CONFIG = """
[spool]
path = "spool"

[journal]
path = "journal.db"

[http.first]
url = "{url}"
user = "me@example.net"
password_env = "SMPPD_TEST_PASSWORD"
timeout = "20s"

[observe]
control = "control.sock"
"""


def command(folder: Path, *words: str) -> AbstractContextManager[subprocess.Popen[str]]:
    """A command with the configuration in this folder."""
    config = str(folder / "smppd.toml")
    return smppd(*words, SMPPD_TEST_PASSWORD="secret", SMPPD_CONFIG=config)


@contextmanager
def provider(folder: Path, *words: str) -> Iterator[None]:
    """A provider with group 1, to which the configuration in the folder leads."""
    group = "--http-group=id=1"
    tally = (f"--tally-file={folder / 'tally.json'}", "--tally-every=20ms")
    with smppd("simulate", "--listen=127.0.0.1:0", group, *tally, *words) as process:
        assert process.stdout is not None
        urls = (re.search(r"http://\S+/api/http/", line) for line in process.stdout)
        url = next(found[0] for found in urls if found)
        (folder / "smppd.toml").write_text(CONFIG.format(url=url))
        yield


def wait_for_lots(folder: Path, count: int) -> None:
    """Return when so many lists of contacts have arrived at the provider."""
    until = time.monotonic() + PATIENCE
    while time.monotonic() < until:
        with contextlib.suppress(FileNotFoundError):
            calls = json.loads((folder / "tally.json").read_bytes())["calls"]
            if calls.get("group.addcontactlist", {}).get("arrived", 0) >= count:
                return
        time.sleep(0.02)
    raise AssertionError("they never arrived")


def run(folder: Path, *words: str) -> tuple[int, str, str]:
    """A command to its end."""
    with command(folder, *words) as process:
        return finish(process)


def contacts(folder: Path, count: int) -> Sequence[str]:
    """The lines of a file with so many contacts."""
    lines = ["mobile,name", *(f"346{n:08},Ana {n}" for n in range(count))]
    (folder / "x.csv").write_text("\n".join(lines))
    return lines


def test_ten_thousand_contacts_are_loaded_and_read_back(tmp_path: Path) -> None:
    lines = contacts(tmp_path, 10_000)
    file = str(tmp_path / "x.csv")
    open_store(tmp_path / "journal.db").close()
    with provider(tmp_path):
        code, out, err = run(tmp_path, "group", "load", "1", file, "--lot=3000")
        assert (code, out.splitlines()[-1], err) == (0, "10,000 contacts loaded into group 1", "")
        code, out, err = run(tmp_path, "group", "show", "1", "--csv")
        assert (code, err) == (0, "")
        assert [line.rsplit(",", 1)[0] for line in out.splitlines()] == lines
        code, out, _ = run(tmp_path, "api", "--history", "--json", "--op=group.addcontactlist")
        assert [each["outcome"] for each in json.loads(out)] == ["SUCCESS"] * 4


def test_ctrl_c_says_which_rows_are_in_and_which_in_doubt(tmp_path: Path) -> None:
    contacts(tmp_path, 50)
    file = str(tmp_path / "x.csv")
    with provider(tmp_path, "--http-fault=what=hang,op=group.addcontactlist,after=2"):
        words = ("group", "load", "1", file, "--lot=10")
        with command(tmp_path, *words) as process:
            wait_for_lots(tmp_path, 3)
            process.send_signal(signal.SIGINT)
            code, out, err = finish(process)
        assert code == 1
        assert out.splitlines()[1:] == ["20 of 50 rows are in", "20 contacts loaded into group 1"]
        assert "in the group: rows 2 to 21\n" in err
        assert "in doubt: rows 22 to 31; look with\n" in err
        assert "Traceback" not in err
        _, out, _ = run(tmp_path, "group", "show", "1", "--json")
        assert len(json.loads(out)["contacts"]) == 30
