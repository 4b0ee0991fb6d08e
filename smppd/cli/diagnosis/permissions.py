"""What `doctor` looks at of permissions: who may read secrets and texts, and who may change anything.

Looks with the eyes of the caller at what the daemon's user may do: the owner of its socket, or of its
spool. OSError leaves nothing here; what cannot be looked at is a finding.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

from smppd.cli.diagnosis.people import (
    READ,
    SEARCH,
    WRITE,
    User,
    group_may,
    group_name,
    listed,
    may,
    others_may,
    reaches,
    readers,
    replaceable,
    user,
)
from smppd.cli.findings import Finding
from smppd.config import Config
from smppd.config.web_rules import Place

#: What only the daemon writes in the spool; and where numbers and texts stand.
_OWN = ("work", "received/tmp", "received/parts")
_TELLING = ("inbox", "inbox/high", "inbox/bulk", *_OWN, "done", "bad", "received/new", "receipts")


def daemon_user(config: Config) -> User | None:
    """The user that the daemon runs as, by what is his; None when nothing is there yet."""
    for place in (config.observe.control, config.journal.path, config.spool.path):
        try:
            return user(place.stat().st_uid)
        except OSError:
            continue
    return None


def look_at_permissions(config: Config, *, running: bool) -> Iterator[Finding]:
    """Everything that the configuration names, and itself; `running`: a daemon is, so it has what it
    needs."""
    daemon = daemon_user(config)
    reader = None if running else daemon
    yield from _guarded("who looks", partial(_who, daemon, user(os.geteuid())))
    for what, file in secret_files(config):
        yield from _guarded(what, partial(_secret, what, file, reader))
    if config.file is not None:
        yield from _guarded("configuration", partial(_configuration, config, daemon))
    yield from _guarded("spool", partial(_spool, config.spool.path))
    yield from _guarded("journal", partial(_journal, config.journal.path))
    yield from _guarded("control socket", partial(_socket, config.observe.control))
    if config.observe.listen is not None:
        yield _status_page(*config.observe.listen)
    for hook in config.hooks:
        program = Path(hook.command[0])
        what = f"command of hook {hook.name}"
        yield from _guarded(what, partial(_program, what, program))


def secret_files(config: Config) -> Iterator[tuple[str, Path]]:
    """Every file that holds a secret, with what it is."""
    for link in config.links:
        if link.password_file is not None:
            yield f"password of link {link.name}", link.password_file
        if link.tls_key_file is not None:
            yield f"private key of link {link.name}", link.tls_key_file
    for account in config.accounts:
        if account.credential_file is not None:
            yield f"{account.credential} of account {account.name}", account.credential_file
    for webhook in config.webhooks:
        if webhook.secret_file is not None:
            yield f"secret of webhook {webhook.name}", webhook.secret_file


def _guarded(what: str, look: Callable[[], Iterator[Finding]]) -> Iterator[Finding]:
    """What it gives; and that this user may not look, where that is so."""
    try:
        yield from look()
    except FileNotFoundError:
        return  # which is told where it is looked for
    except OSError as error:
        cure = "run doctor as root"
        says = f"{error.filename} cannot be looked at: {error.strerror}: {cure}"
        yield Finding(what, True, says, doubtful=True)


def _who(daemon: User | None, caller: User) -> Iterator[Finding]:
    what = "who looks"
    if daemon is None:
        yield Finding(what, True, f"{caller.name}; nothing of a daemon's is there yet")
    elif daemon.uid == 0:
        says = "the daemon runs as root: give it a user of its own, as systemd/smppd.service does"
        yield Finding(what, True, says, doubtful=True)
    elif caller.uid in (0, daemon.uid):
        yield Finding(what, True, f"{caller.name}; the daemon's user is {daemon.name}")
    else:
        says = f"{caller.name}, who sees less than {daemon.name}, the daemon's user: run doctor as root"
        yield Finding(what, True, says, doubtful=True)


def _secret(what: str, file: Path, reader: User | None) -> Iterator[Finding]:
    """Who may read it; whether `reader` may, if there is one who must."""
    if others_may(file, WRITE):
        yield Finding(what, False, f"every user may change {file}: chmod o= {file}")
    elif others_may(file, READ):
        cure = f"chmod o= {file}, and have the provider change it if others use this machine"
        yield Finding(what, True, f"every user may read {file}: {cure}", doubtful=True)
    elif reader is not None and not (may(reader, file, READ) and reaches(reader, file)):
        says = f"{reader.name} may not read {file}: well where the unit hands it over, as"
        units = f"smppd.service does /etc/smppd/password (LoadCredential=), else chown {reader.name} {file}"
        yield Finding(what, True, f"{says} {units}", True)
    else:
        yield Finding(what, True, f"{file} may be read by {readers(file)}")
    yield from _in_place(what, file)


def _in_place(what: str, path: Path) -> Iterator[Finding]:
    """Whether somebody can put something else there."""
    folder = replaceable(path)
    if folder is not None:
        says = f"every user may put another file in the place of {path}: chmod o-w {folder}"
        yield Finding(what, False, says)


def _configuration(config: Config, daemon: User | None) -> Iterator[Finding]:
    assert config.file is not None
    what, file = "configuration", config.file
    if daemon is not None and not (may(daemon, file, READ) and reaches(daemon, file)):
        cure = f"chmod o+r {file}, in which there is no secret, and o+x the folders above it"
        yield Finding(what, False, f"{daemon.name} may not read {file}: {cure}")
    elif others_may(file, WRITE):
        yield Finding(what, False, f"every user may change {file}: chmod o-w {file}")
    elif group_may(file, WRITE):
        says = f"{file} may be changed by the group {group_name(file.stat().st_gid)}"
        yield Finding(what, True, f"{says}: chmod g-w {file}, unless that is meant", doubtful=True)
    else:
        yield Finding(what, True, f"{file} is changed by {user(file.stat().st_uid).name} alone")
    yield from _in_place(what, file)


def _spool(root: Path) -> Iterator[Finding]:
    what, sound = "spool", True
    shut = not others_may(root, SEARCH)
    for name in _TELLING:
        folder = root / name
        if not folder.exists():
            continue
        if others_may(folder, WRITE) and not shut:
            sound = False
            says = f"every user may put messages into {folder}, or take them: chmod o-w {folder}"
            yield Finding(what, False, says)
        elif others_may(folder, READ) and not shut:
            sound = False
            says = (
                f"every user may look into {folder}, where numbers and texts are: chmod o= {root}"
            )
            yield Finding(what, True, says, doubtful=True)
        if name in _OWN and group_may(folder, WRITE):
            sound = False
            says = f"{folder} may be changed by the group {group_name(folder.stat().st_gid)}"
            yield Finding(what, True, f"{says}: chmod g-w {folder}", doubtful=True)
    inbox = root / "inbox"
    if sound and inbox.exists():
        names = ["root", user(inbox.stat().st_uid).name]
        if group_may(inbox, WRITE):
            names.append(f"the group {group_name(inbox.stat().st_gid)}")
        names += listed(inbox)
        yield Finding(what, True, f"may be handed in to by {' and '.join(dict.fromkeys(names))}")
    yield from _in_place(what, root)


def _journal(path: Path) -> Iterator[Finding]:
    what, files = "journal", [path.with_name(path.name + end) for end in ("", "-wal", "-shm")]
    folder = path.parent
    if others_may(folder, WRITE):
        yield Finding(what, False, f"every user may change what is in {folder}: chmod o-w {folder}")
    elif group_may(folder, WRITE):
        says = f"{folder} may be changed by the group {group_name(folder.stat().st_gid)}"
        yield Finding(what, True, f"{says}: chmod g-w {folder}", doubtful=True)
    shut = not others_may(folder, SEARCH)
    open_ = [each for each in files if each.exists() and others_may(each, READ | WRITE)]
    if open_ and not shut:
        says = f"every user may read {open_[0]}, where numbers and texts are: chmod o= {folder}"
        yield Finding(what, True, says, doubtful=True)
    elif path.exists():
        yield Finding(what, True, f"may be read by {readers(path)}")
    yield from _in_place(what, path)


def _socket(path: Path) -> Iterator[Finding]:
    what = "control socket"
    if others_may(path, WRITE):
        yield Finding(what, False, f"every user may command the daemon: chmod o= {path}")
        return
    names = ["root", user(path.stat().st_uid).name]
    if group_may(path, WRITE):
        names.append(f"the group {group_name(path.stat().st_gid)}")
    names += listed(path)
    yield Finding(what, True, f"is open to {' and '.join(dict.fromkeys(names))}")


def _status_page(host: str, port: int) -> Finding:
    """Whether others than this machine reach what has no password."""
    if Place("http", host).is_local:
        return Finding("status page", True, f"{host} is reached from this machine alone")
    says = (
        f"whoever reaches port {port} of {host} reads it, and /metrics, without a password: let a"
        f' firewall say who, or write listen = "127.0.0.1:{port}"'
    )
    return Finding("status page", True, says, doubtful=True)


def _program(what: str, program: Path) -> Iterator[Finding]:
    if others_may(program, WRITE) or group_may(program, WRITE):
        says = f"{program} runs as the daemon, and others may change it: chmod go-w {program}"
        yield Finding(what, False, says)
    yield from _in_place(what, program)
