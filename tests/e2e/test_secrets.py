"""Passwords and tokens, of links and of the HTTP APIs, right and wrong ones, and a provider that repeats
them: they stand in no log, no journal, no result, no answer to an operator, and nothing of the process."""

from __future__ import annotations

import json
import re
import socket
import sys
from base64 import b64encode
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, quote_plus
from urllib.request import urlopen

from tests.processes import simulator

if TYPE_CHECKING:
    import pytest

    from tests.e2e.conftest import DaemonFactory, SmscFactory

USER = "me@example.net"
#: By the file that holds it. Any of these characters is written otherwise somewhere on the way.
SECRETS = {
    "password": 'horse + "battery" & ñ',
    "wrong-password": "no-horse-at-all",
    "token": "token-of~the+book",
    "wrong-token": "token-of-nobody",
}

ACCOUNTS = """
[http.form]
url = "{url}"
user = "me@example.net"
password_file = "http/password"
max_attempts = 2
retry_min = "10ms"

[http.basic]
url = "{url}"
user = "me@example.net"
password_file = "http/password"
max_attempts = 2
retry_min = "10ms"
auth = "basic"

[http.wrong]
url = "{url}"
user = "me@example.net"
password_file = "http/wrong-password"

[contacts.book]
url = "{root}"
token_file = "http/token"

[contacts.nobody]
url = "{root}"
token_file = "http/wrong-token"
"""

SCRIPT = """
listen = "127.0.0.1:0"

[http]
user = {user}
password = {password}
token = {token}

[[http.fault]]
what = "say"
op = "chat.getchats"
body = {result}

[[http.fault]]
what = "say"
op = "group.getcontact"
body = {error}

[[http.fault]]
what = "say"
op = "group.getgroupcolumns"
body = {page}

[[http.fault]]
what = "say"
op = "contacts.edit"
body = {contact}
"""

CHANNEL = {"platform": "whatsapp", "platformid": "100"}
SMS = {"from": "ACME", "to": "34600000001", "sms": "Hola"}


def script() -> str:
    """A provider that repeats what it was given, in each form of an answer."""
    password, token = SECRETS["password"], SECRETS["token"]
    values = {
        "user": USER,
        "password": password,
        "token": token,
        "result": json.dumps({"status": "success", "result": {"list": [{"you": password}]}}),
        "error": json.dumps({"status": "error", "error": f"{password} is wrong"}),
        "page": f"<html><title>{quote_plus(password)}</title></html>",
        "contact": json.dumps({"status": "error", "message": f"{token} may not"}),
    }
    return SCRIPT.format(
        **{name: json.dumps(value, ensure_ascii=False) for name, value in values.items()}
    )


def calls() -> list[dict[str, Any]]:
    """Lines of the spool that use every account, and have each answer."""
    repeating = {
        "chat.getchats": CHANNEL,
        "group.getcontact": {"idgroup": "7", "idcontact": "1"},
        "group.getgroupcolumns": {"idgroup": "7"},
    }
    return [
        *({"op": "sms.sendsms", "args": SMS, "via": via} for via in ("form", "basic", "wrong")),
        *(
            {"op": op, "args": args, "via": via}
            for op, args in repeating.items()
            for via in ("form", "basic")
        ),
        {"op": "contacts.edit", "args": {"id": 1}, "via": "book"},
        {"op": "contacts.detail", "args": {"id": "1"}, "via": "nobody"},
    ]


def telling(octets: bytes) -> set[str]:
    """The secrets that stand in this, in any form in which they travel."""
    return {
        name
        for name, secret in SECRETS.items()
        for form in (
            secret,
            quote(secret),
            quote_plus(secret),
            json.dumps(secret)[1:-1],
            json.dumps(secret, ensure_ascii=False)[1:-1],
            b64encode(f"{USER}:{secret}".encode()).decode(),
        )
        if form.encode() in octets
    }


def test_no_secret_of_the_http_apis_is_told_anywhere(
    smsc_factory: SmscFactory, daemon_factory: DaemonFactory, tmp_path: Path
) -> None:
    (tmp_path / "script.toml").write_text(script())
    smsc = smsc_factory(
        [sys.executable, "-m", "smppd", "simulate", f"--script={tmp_path / 'script.toml'}"]
    )
    served = smsc.program.wait(
        lambda: re.search(r"((http\S+)/api/http/) and", smsc.program.log), "HTTP APIs"
    )
    daemon = daemon_factory(
        smsc.port,
        observe={"log_content": True},
        more=ACCOUNTS.format(url=served[1], root=served[2]),
    )
    (daemon.folder / "http").mkdir()
    for name, secret in SECRETS.items():
        (daemon.folder / "http" / name).write_text(secret)
    daemon.start(bound=False)
    daemon.submit(({**each, "id": f"c{n}"} for n, each in enumerate(calls())), name="calls.jsonl")
    stopped = [f"c{n}" for n, each in enumerate(calls()) if each["via"] in ("wrong", "nobody")]

    def over() -> bool:
        accounts, states = daemon.status()["accounts"], daemon.status()["states"]
        paused = {each["name"] for each in accounts if each["paused"]}
        ended = states.get("sent", 0) + states.get("failed", 0)
        return paused == {"wrong", "nobody"} and ended == len(calls()) - len(stopped)

    daemon.wait(over, "an end of what can be done")
    said = [daemon.command("status")]
    for op, *words in (
        ("chat.getchats", "platform=whatsapp", "platformid=100"),
        ("group.getcontact", "idgroup=7", "idcontact=1"),
        ("group.getgroupcolumns", "idgroup=7", "--via=basic"),
        ("contacts.edit", "id=1"),
        ("contacts.detail", "id=1", "--via=nobody"),
        ("sms.sendsms", "from=A", "to=34600000001", "sms=Hola", "--via=wrong"),
    ):
        said.append(daemon.command("api", op, *words))
    said.append(daemon.command("cancel", *stopped))
    reported = daemon.wait_report("calls.jsonl")
    hidden = [line for line in reported.results if "credentials" in str(line["error"])]
    hidden += [line for line in reported.results if "(secret)" in str(line.get("answer"))]
    assert len(hidden) == 7  # so they were repeated
    asked_again = [line["attempts"] for line in reported.results if line["id"] in ("c7", "c8")]
    assert asked_again == [2, 2], "as often as the account's max_attempts allows"
    said.append(daemon.command("api", "--history"))
    assert "Hola" in str(said[-1]), "content is kept, as log_content asks for"
    said += [daemon.command("show", each) for each in ("c2", "c3", "c5", "c9")]
    daemon.terminate()

    holding = {
        path.name: found
        for path in daemon.folder.rglob("*")
        if path.is_file() and (found := telling(path.read_bytes()))
    }
    assert holding == {name: {name} for name in SECRETS}
    assert not telling(json.dumps(said, ensure_ascii=False).encode())
    assert not telling(repr(said).encode())


# ── the password of a link ───────────────────────────────────────────────────────────────────

#: In the environment, where `password_env` has it; eight octets, as SMPP has them.
LINK_SECRET = "h0rse+Zx"

HOOK = """
[hook.looking]
command = ["{command}"]
events = ["sent"]
"""
#: What a command of the operator's sees of the daemon: its environment, its limits, its father's memory.
LOOKING = """#!/bin/sh
cat > /dev/null
{{ env; ulimit -c; tr '\\0' '\\n' < /proc/$PPID/cmdline; }} > {seen} 2>&1
"""


def test_the_password_of_a_link_is_told_nowhere(
    smsc_factory: SmscFactory,
    daemon_factory: DaemonFactory,
    short_folder: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Given in the environment, it stands in no log, file, answer, page or command line, and neither
    does what the SMSC refused; nothing that the daemon starts has it, or leaves a core."""
    simulate = simulator()
    refusing = ["--bind-refuse-first=1", "--bind-refuse-status=0x08"]
    smsc = smsc_factory([*simulate, f"--password={LINK_SECRET}", *refusing])
    monkeypatch.setenv("SMPPD_TEST_LINK", LINK_SECRET)
    with socket.create_server(("127.0.0.1", 0)) as free:
        listen = f"127.0.0.1:{free.getsockname()[1]}"
    looking, seen = short_folder / "looking", short_folder / "seen"
    looking.write_text(LOOKING.format(seen=seen))
    looking.chmod(0o755)
    daemon = daemon_factory(
        smsc.port,
        link={"password_env": "SMPPD_TEST_LINK"},
        observe={"log_content": True, "log_level": "debug", "listen": listen},
        more=HOOK.format(command=looking),
    )
    text = daemon.config.read_text().replace('password_file = "password"\n', "")
    daemon.config.write_text(text)
    (daemon.folder / "password").unlink()
    daemon.start()
    daemon.submit([{"to": "+34600000001", "text": "Hola", "id": "one"}])
    daemon.wait_report()
    daemon.wait(lambda: seen.exists() and listen and bool(seen.read_text()), "a hook that looked")
    said = [daemon.command(*words) for words in (["status"], ["check", "--connect"], ["doctor"])]
    with urlopen(f"http://{listen}/metrics", timeout=20) as page:
        said.append((0, page.read().decode()))
    assert daemon.program.process is not None
    own = Path(f"/proc/{daemon.program.process.pid}")
    children = [Path(f"/proc/{pid}") for pid in _children(own)]
    assert children, "it works on files in a process beside it"
    for process in (own, *children):
        assert LINK_SECRET.encode() not in (process / "cmdline").read_bytes()
        limits = (process / "limits").read_text()
        assert re.search(r"^Max core file size +0 +0 ", limits, re.MULTILINE), limits
    daemon.terminate()
    assert daemon.events("bind_refused")
    assert LINK_SECRET not in repr(said)
    assert LINK_SECRET not in seen.read_text()
    assert "SMPPD_TEST_LINK" not in seen.read_text()
    assert "\n0\n" in seen.read_text(), "what it starts leaves no core"
    for path in daemon.folder.rglob("*"):
        if path.is_file():
            assert LINK_SECRET.encode() not in path.read_bytes(), path
        if daemon.spool in path.parents and path.name != "batch.jsonl":  # which is its writer's
            assert not path.stat().st_mode & 0o007, path


def _children(process: Path) -> list[str]:
    return (process / "task" / process.name / "children").read_text().split()
