"""Plain clients that send the same messages to the same SMSC: what the daemon is compared with."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from benchmark.profiles import PARTS, SENDER, TEXTS, Profile
from benchmark.results import Baseline
from benchmark.setting import Setting, own_smsc

_CLIENTS = Path(__file__).parent / "clients"
#: Where the npm package is, if it is: the tests' own peers are made with it.
_NODE_MODULES = Path(__file__).parent.parent.parent / "tests" / "e2e" / "peers" / "node_modules"


@dataclass(frozen=True)
class Client:
    """A program that sends: `command` runs it, or `missing` says why it cannot be run."""

    name: str
    command: Sequence[str]
    missing: str = ""


def clients() -> list[Client]:
    """Those there are."""
    node = shutil.which("node")
    missing = "there is no node" if node is None else ""
    if not missing and not (_NODE_MODULES / "smpp").is_dir():
        missing = "the npm package smpp is not there: run npm install in tests/e2e/peers"
    return [
        Client("smpplib", (sys.executable, str(_CLIENTS / "smpplib_client.py"))),
        Client("npm smpp", (node or "node", str(_CLIENTS / "npm_client.js")), missing),
    ]


def run_baselines(profile: Profile, setting: Setting) -> list[Baseline]:
    """Each client once, against an SMSC as the profile has it, or the one there is; or why none of them
    can do what the profile does."""
    if why := replace(profile, links=max(profile.links, len(setting.addresses))).no_baseline():
        return [Baseline(name="plain clients", left_out=why)]
    return [_run(client, profile, setting) for client in clients()]


def _run(client: Client, profile: Profile, setting: Setting) -> Baseline:
    if client.missing:
        return Baseline(name=client.name, left_out=client.missing)
    sys.stderr.write(f"{profile.name}: {client.name}, {profile.messages:,} messages\n")
    with tempfile.TemporaryDirectory(prefix="smppd-bench-") as folder:
        if setting.addresses:
            return _send(client, profile, setting, setting.addresses[0])
        with own_smsc(Path(folder), profile) as smsc:
            return _send(client, profile, setting, smsc.address)


def _send(client: Client, profile: Profile, setting: Setting, address: str) -> Baseline:
    """What one client tells of itself: {"sent", "parts", "delivered", "seconds", "cpu"}."""
    task = {
        "address": address,
        "system_id": setting.system_ids[0],
        "password": setting.password,
        "window": profile.window,
        "messages": profile.messages,
        "receipts": setting.receipts,
        "prefix": setting.prefix.lstrip("+"),
        "from": SENDER,
        "text": TEXTS[profile.text],
    }
    environment = {**os.environ, "NODE_PATH": str(_NODE_MODULES)}
    try:
        done = subprocess.run(
            client.command,
            input=json.dumps(task),
            env=environment,
            capture_output=True,
            text=True,
            check=False,
            timeout=setting.seconds,
        )
    except subprocess.TimeoutExpired:
        return Baseline(name=client.name, left_out=f"not through after {setting.seconds:g} s")
    if done.returncode:
        said = done.stderr.strip().splitlines() or ["it said nothing"]
        why = next((line for line in said if "Error: " in line), said[-1])
        return Baseline(name=client.name, left_out=f"it failed: {why}")
    told = json.loads(done.stdout)
    if told["parts"] != profile.messages * PARTS[profile.text]:
        return Baseline(name=client.name, left_out=f"it sent no more than {told['parts']:,} parts")
    return Baseline(
        name=client.name,
        messages=told["sent"],
        seconds=told["seconds"],
        rate=told["sent"] / told["seconds"],
        cpu=told["cpu"] / told["sent"] * 1e6,
        delivered=told["delivered"],
    )
