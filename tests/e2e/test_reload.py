"""Reload, with real processes under load: what did not change does not notice, nothing is lost or doubled."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from typing import TYPE_CHECKING, Any

from smppd.control import ask
from tests.e2e.reloaded import ALONE, SHARED, SPARE

if TYPE_CHECKING:
    from tests.e2e.conftest import Daemon
    from tests.e2e.reloaded import Site


def messages(first: int, count: int, **more: object) -> list[dict[str, object]]:
    return [
        {"to": f"+3460{n:07d}", "text": f"message {n}", "id": f"m{n}"} | more
        for n in range(first, first + count)
    ]


def link(daemon: Daemon, name: str) -> dict[str, Any]:
    """A link in `status`; empty when it is none."""
    links = daemon.status().get("links", [])
    return next((each for each in links if each["name"] == name), {})


def bound(daemon: Daemon, name: str) -> bool:
    sessions = link(daemon, name).get("sessions", [])
    return any(each["state"].startswith("bound") for each in sessions)


def in_flight(daemon: Daemon, name: str) -> int:
    return sum(session["in_flight"] for session in link(daemon, name)["sessions"])


def about(daemon: Daemon, event: str, name: str) -> int:
    """How often this was said of a link."""
    return sum(line["link"] == name for line in daemon.events(event))


def audit(daemon: Daemon) -> dict[str, int]:
    code, found = daemon.command("audit")
    assert code == 0, found
    return {state: count for state, count in found["states"].items() if count}


def never_unbound(daemon: Daemon, name: str) -> None:
    """Its one session has lived from the start on."""
    assert about(daemon, "link_bound", name) == 1
    assert about(daemon, "link_lost", name) == about(daemon, "link_unbound", name) == 0


# ── under load ───────────────────────────────────────────────────────────────────────────────


def test_links_and_routes_come_change_and_go_under_load_and_the_other_link_does_not_notice(
    site: Site,
) -> None:
    slow, count = ("--answer-latency", "20ms"), 3000
    daemon, spare = site.open(*slow, link={"window": 10}, more=ALONE), site.centre("spare", *slow)
    daemon.submit(messages(0, count))
    daemon.wait(lambda: link(daemon, "main").get("submitted", 0) > 200, "some traffic")

    # A link comes, and a route has another one to go by.
    both = site.plain.replace(ALONE, SHARED) + SPARE.format(port=spare.port)
    assert sorted(site.reload(both)) == [
        "link.spare added",
        "routing.route.all.links changed",
        "routing.route.all.weights changed",
    ]
    daemon.wait(lambda: link(daemon, "spare")["submitted"] > 100, "the new link's traffic")

    # A link changes under its session.
    both = both.replace("window = 10\n", "window = 7\n")
    assert site.reload(both) == ["link.main.window 10 -> 7"]
    assert link(daemon, "main")["window"] == 7
    daemon.wait(lambda: in_flight(daemon, "main") <= 7, "the smaller window")

    # A link is bound as somebody else, after it has drained.
    other = both.replace('# spare\nsystem_id = "peer"', 'system_id = "other"')
    assert site.reload(other) == ['link.spare.system_id "peer" -> "other"']
    daemon.wait(lambda: about(daemon, "link_bound", "spare") == 2, "the new bind")
    before = link(daemon, "spare")["submitted"]
    assert before > 100  # it counts on
    daemon.wait(lambda: link(daemon, "spare")["submitted"] > before, "traffic over it")

    # A link goes, after it has drained.
    assert "link.spare removed" in site.reload(site.plain)
    assert link(daemon, "spare") == {}
    daemon.wait(lambda: about(daemon, "link_unbound", "spare") == 2, "the end of the link")
    assert daemon.status()["states"]["queued"] > 0  # all that was under load

    reported = daemon.wait_report()
    assert reported.report["states"] == {"delivered": count}
    assert {line["possible_duplicate"] for line in reported.results} == {False}
    never_unbound(daemon, "main")
    assert about(daemon, "link_lost", "spare") == 0
    daemon.terminate()
    assert audit(daemon) == {"delivered": count}
    one, another = site.main.taken(), spare.taken()
    assert len(one) + len(another) == count
    assert not one & another
    assert "Traceback" not in daemon.log


# ── what waits, and what is said ─────────────────────────────────────────────────────────────


def test_what_waits_for_a_link_that_went_is_told_and_leaves_when_it_is_back(site: Site) -> None:
    daemon, spare = site.open(start=False), site.centre("spare")
    daemon.config.write_text(site.plain + SPARE.format(port=1))  # nobody listens there
    daemon.start()
    daemon.submit(messages(0, 3, via="spare"))
    daemon.wait(lambda: daemon.events("file_admitted") or None, "the messages")
    assert site.reload(site.plain) == ["link.spare removed"]
    (missing,) = daemon.wait(lambda: daemon.events("link_missing") or None, "a word about them")
    assert (missing["link"], missing["queued"]) == ("spare", 3)
    daemon.submit(messages(3, 1, via="spare"), "late.jsonl")
    assert daemon.wait_report("late.jsonl").results[0]["error"]["code"] == "BAD_VIA"
    assert site.reload(site.plain + SPARE.format(port=spare.port)) == ["link.spare added"]
    assert daemon.wait_report().report["states"] == {"delivered": 3}
    never_unbound(daemon, "main")
    daemon.terminate()
    assert (len(site.main.taken()), len(spare.taken())) == (0, 3)
    assert audit(daemon) == {"delivered": 3, "rejected": 1}


def test_a_new_password_is_read_and_shown_to_the_smsc_at_once(site: Site) -> None:
    daemon = site.open("--system-id", "peer", "--password", "new", bound=False)
    daemon.wait(lambda: daemon.events("bind_refused") or None, "a refusal")
    (daemon.folder / "password").write_text("new\n")
    assert site.reload() == ["link.main.password changed"]
    daemon.wait(lambda: about(daemon, "link_bound", "main") or None, "the bind")
    assert site.reload() == []
    daemon.terminate()
    assert "new" not in daemon.log.replace("news", "")


def test_a_file_with_mistakes_changes_nothing_and_says_all_of_them_everywhere(site: Site) -> None:
    daemon = site.open()
    daemon.config.write_text(
        site.plain.replace("[observe]", 'window = 0\nfrmo = "X"\n[observe]') + SPARE.format(port=1)
    )
    code, said = daemon.command("reload")
    assert code == 1
    refused = said["refused"]
    assert [line.split(": ")[1] for line in refused] == ["link.main.window", "link.main.frmo"]
    done = subprocess.run(
        [sys.executable, "-m", "smppd", "reload", "--config", str(daemon.config)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    for line in refused:
        assert line in done.stderr
    assert daemon.program.process is not None
    daemon.program.process.send_signal(signal.SIGHUP)
    daemon.wait(lambda: len(daemon.events("reload_refused")) == 6, "the refusals")
    told = daemon.events("reload_refused")
    assert [line["reason"] for line in told] == refused * 3
    assert told[-1]["who"] == "SIGHUP"
    status = daemon.status()["configuration"]
    assert status["refused"] == refused
    assert status["refused_at"] > status["loaded"]
    code, text = daemon.command("status")
    assert code == 0  # also with a file that cannot be read whole
    assert [each["name"] for each in text["links"]] == ["main"]

    assert site.reload(site.plain) == []
    status = daemon.status()["configuration"]
    assert (status["refused"], status["refused_at"], status["reloads"]) == ([], None, 1)
    never_unbound(daemon, "main")


def test_what_wants_a_restart_is_named_and_nothing_of_the_rest_is_taken_over(site: Site) -> None:
    daemon = site.open(link={"window": 10})
    daemon.config.write_text(
        site.plain.replace('path = "spool"', 'path = "elsewhere"')
        .replace('path = "journal.db"', 'path = "other.db"')
        .replace('listen = ""', 'listen = "127.0.0.1:1"')
        .replace("window = 10", "window = 20")
    )
    refused = ask(daemon.control, "reload")["refused"]
    keys = ["spool.path", "journal.path", "observe.listen"]
    assert [line.split(": ")[1] for line in refused] == keys
    assert all("systemctl restart smppd" in line for line in refused)
    assert link(daemon, "main")["window"] == 10


def test_quiet_hours_begin_and_end_with_a_reload(site: Site) -> None:
    daemon = site.open()
    now = time.time()
    begins, ends = (time.strftime("%H:%M", time.gmtime(now + m * 60)) for m in (-60, 60))
    quiet = f'\n[[quiet]]\nfrom = "{begins}"\nuntil = "{ends}"\nzone = "UTC"\n'
    assert site.reload(site.plain + quiet) == ["quiet changed"]
    daemon.submit(messages(0, 2))
    daemon.wait(lambda: daemon.events("file_admitted") or None, "the messages")
    daemon.submit(messages(4, 1), "now.jsonl", "high")
    assert daemon.wait_report("now.jsonl").report["states"] == {"delivered": 1}
    assert daemon.status()["states"]["queued"] == 2
    assert site.reload(site.plain) == ["quiet changed"]
    daemon.submit(messages(2, 2), "more.jsonl")
    assert daemon.wait_report("more.jsonl").report["states"] == {"delivered": 2}
    assert daemon.status()["states"]["queued"] == 2  # what is held until a moment stays so
