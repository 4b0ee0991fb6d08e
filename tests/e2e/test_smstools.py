"""Scripts for smstools 3, unchanged: their hand-in, their event handler, over kill -9."""

from __future__ import annotations

import os
import re
import stat
import subprocess
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.processes import simulator

if TYPE_CHECKING:
    from tests.e2e.conftest import Daemon, DaemonFactory, SmscFactory

#: Where Debian's package has the script that everybody begins with.
SENDSMS = Path("/usr/share/doc/smstools/examples/scripts/sendsms")
SENDSMS = Path(os.environ.get("SMSTOOLS_SENDSMS", SENDSMS))

#: What such scripts do: a file of its own in /tmp, then mv over what mktemp made in outgoing/.
OURS = """#!/bin/sh
for to in $1; do
  draft=`mktemp /tmp/smsd_XXXXXX`
  printf 'To: %s\\n\\n%s' "$to" "$2" >> $draft
  chmod 0660 $draft
  file=`mktemp /var/spool/sms/outgoing/send_XXXXXX`
  mv $draft $file
done
"""
HANDLER = """#!/bin/sh
case "$1" in
  SENT) grep -q '^Sent: ' "$2" || exit 1 ;;
  FAILED) grep -q '^Fail_reason: ' "$2" || exit 1 ;;
  REPORT) grep -q '^Status: 0' "$2" || exit 1 ;;
esac
echo "$1 $2 $3" >> events.log
"""
EVENT = re.compile(r"(\w+) \S*/(\S+) ?(\S*)")


def script(folder: Path, name: str, content: str) -> Path:
    path = folder / name
    path.write_text(content)
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    return path


def started(
    smsc_factory: SmscFactory, daemon_factory: DaemonFactory, folder: Path, *more: str
) -> Daemon:
    smsc = smsc_factory(simulator(*more))
    log = folder / "events.log"
    handler = script(folder, "handler", HANDLER.replace("events.log", str(log)))
    section = f'[smstools]\neventhandler = "{handler}"\nreport = true\n'
    daemon = daemon_factory(smsc.port, spool={"compat": "smstools"}, more=section)
    daemon.start()
    return daemon


def told(folder: Path) -> list[tuple[str, ...]]:
    """What the event handler was told: the event, the file's name, the message id."""
    log = folder / "events.log"
    return [match.groups() for match in EVENT.finditer(log.read_text())] if log.exists() else []


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir() if not path.name.startswith("."))


@pytest.mark.parametrize("whose", ["ours", "debian"])
def test_sendsms_and_an_event_handler_work_unchanged(
    smsc_factory: SmscFactory, daemon_factory: DaemonFactory, tmp_path: Path, whose: str
) -> None:
    if whose == "debian" and not SENDSMS.exists():
        pytest.skip(f"no {SENDSMS}: apt install smstools, or name it in $SMSTOOLS_SENDSMS")
    daemon = started(smsc_factory, daemon_factory, tmp_path)
    content = OURS if whose == "ours" else SENDSMS.read_text()
    # Its only change is where the spool is.
    sendsms = script(tmp_path, "sendsms", content.replace("/var/spool/sms", str(daemon.spool)))
    subprocess.run([sendsms, "34600000001 34600000002", "Mañana, 5 €"], check=True, timeout=30)
    sent = daemon.spool / "sent"
    daemon.wait(lambda: len(told(tmp_path)) == 4, "two SENT and two REPORT")
    assert len(names(sent)) == 2
    assert names(daemon.spool / "outgoing") == names(daemon.spool / "failed") == []
    daemon.wait(lambda: not names(daemon.spool / "checked"), "the end of the lot")
    events = told(tmp_path)
    assert Counter(event for event, _, _ in events) == {"SENT": 2, "REPORT": 2}
    assert sorted(name for event, name, _ in events if event == "SENT") == names(sent)
    assert all(id_ for event, _, id_ in events if event == "SENT")
    text = (sent / names(sent)[0]).read_text()
    assert text.startswith("To: 3460000000")
    assert re.search(r"(?m)^Sent: \d\d-\d\d-\d\d \d\d:\d\d:\d\d$", text)
    assert text.partition("\n\n")[2] == "Mañana, 5 €"
    reports = [
        (daemon.spool / "incoming" / name).read_text() for name in names(daemon.spool / "incoming")
    ]
    ids = {re.search(r"(?m)^Message_id: (\S+)$", each)[1] for each in reports}  # type: ignore[index]
    assert ids == {id_ for event, _, id_ in events if event == "SENT"}
    daemon.terminate()


def test_what_cannot_be_sent_is_in_failed_with_the_reason(
    smsc_factory: SmscFactory, daemon_factory: DaemonFactory, tmp_path: Path
) -> None:
    daemon = started(smsc_factory, daemon_factory, tmp_path)
    outgoing = daemon.spool / "outgoing"
    (outgoing / "locked").write_text("To: 34600000009\n\nx")
    (outgoing / "locked.LOCK").write_text("")
    (outgoing / "bad").write_text("To: 12\nUser: ana\n\nx")
    (outgoing / "call").write_text("To: 34600000001\nVoicecall: yes\n\nTONE: 1")
    daemon.wait(lambda: len(told(tmp_path)) == 2, "two FAILED")
    failed = daemon.spool / "failed"
    assert names(failed) == ["bad", "call"]
    assert "User: ana\n" in (failed / "bad").read_text()
    assert re.search(r"(?m)^Fail_reason: BAD_TO: ", (failed / "bad").read_text())
    assert re.search(r"(?m)^Fail_reason: NOT_BY_SMPP: Voicecall", (failed / "call").read_text())
    assert names(outgoing) == ["locked", "locked.LOCK"]
    (outgoing / "locked.LOCK").unlink()
    daemon.wait(lambda: names(daemon.spool / "sent") == ["locked"], "what was locked")
    daemon.terminate()


def test_messages_from_handsets_are_in_incoming(
    smsc_factory: SmscFactory, daemon_factory: DaemonFactory, tmp_path: Path
) -> None:
    more = ["--mo-count=1", "--mo-text=5 € ñ", "--mo-source=34600000001"]
    daemon = started(smsc_factory, daemon_factory, tmp_path, *more)
    daemon.wait(lambda: told(tmp_path) or None, "RECEIVED")
    ((event, name, _),) = told(tmp_path)
    assert event == "RECEIVED"
    head, _, body = (daemon.spool / "incoming" / name).read_bytes().partition(b"\n\n")
    assert b"From: 34600000001\n" in head
    assert b"Alphabet: ISO\n" in head
    assert body.decode("iso-8859-15") == "5 € ñ"
    daemon.terminate()


def test_killed_again_and_again_each_file_is_sent_once_and_told_of(
    smsc_factory: SmscFactory, daemon_factory: DaemonFactory, tmp_path: Path
) -> None:
    daemon = started(smsc_factory, daemon_factory, tmp_path)
    drafts = daemon.spool / "inbox" / "tmp"
    wanted = [f"file{number}" for number in range(120)]
    for round_ in range(4):
        for name in wanted[round_ * 30 : round_ * 30 + 30]:
            (drafts / name).write_text(f"To: 34600000001\nAutosplit: 3\n\n{name} " + "x" * 200)
            os.utime(drafts / name, (1, 1))
            (drafts / name).rename(daemon.spool / "outgoing" / name)
        daemon.wait(lambda at=round_: len(told(tmp_path)) > at * 40, "some of it")  # type: ignore[misc]
        daemon.kill()
        daemon.start()
    sent = daemon.spool / "sent"
    daemon.wait(lambda: len(names(sent)) + len(names(daemon.spool / "checked")) >= 120, "all of it")
    daemon.wait(
        lambda: (
            len({name for event, name, _ in told(tmp_path) if event == "SENT"})
            == 120 - unknown(daemon)
        ),
        "a word about each",
    )
    assert names(daemon.spool / "outgoing") == []
    # What was on its way when the daemon was killed is unknown, and is not sent again.
    assert sorted(names(sent) + held(daemon)) == sorted(wanted)
    assert daemon.command("audit")[0] == 0
    daemon.terminate()


def unknown(daemon: Daemon) -> int:
    return int(daemon.status()["states"]["unknown"])


def held(daemon: Daemon) -> list[str]:
    """The files in checked/ that have no second name, by their own."""
    folder = daemon.spool / "checked"
    return [
        path.name.split("-", 2)[2]
        for path in folder.iterdir()
        if not path.name.startswith(".") and path.stat().st_nlink == 1
    ]
