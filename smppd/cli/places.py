"""Whether the places that the configuration names can serve: secrets, folders, sockets, names.

Looks without changing anything, but for the probe file in a spool that this user owns, where
missing folders are made as well: the daemon would do the same. Raises nothing.
"""

from __future__ import annotations

import fcntl
import grp
import os
import socket
import stat
from collections.abc import Iterator
from pathlib import Path

from smppd.cli.findings import Finding
from smppd.cli.reach import check_host
from smppd.config import Address, LinkConfig, Mistake
from smppd.journal.schema import JournalError
from smppd.journal.store import open_reader
from smppd.spool.folders import FOLDERS, prepare_root


def lock_holder(path: Path) -> str | None:
    """The pid of the daemon that holds this lock; None if nobody does or nobody may look."""
    try:
        with path.open("rb") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
            except BlockingIOError:
                return file.read(20).decode(errors="replace").strip() or "unknown"
    except OSError:
        return None
    return None


def check_secret(
    what: str, secret: str | Mistake, file: Path | None, variable: str | None
) -> Finding:
    """Where a password or token is, and whether others may read it."""
    if isinstance(secret, Mistake):
        return Finding(what, False, str(secret))
    if file is None:
        return Finding(what, True, f"is in ${variable}" if variable else "there is none")
    if file.stat().st_mode & 0o007:
        says = f"is in {file}, which every user may read: chmod o= would be wiser"
        return Finding(what, True, says)
    return Finding(what, True, f"is in {file}")


def check_spool(root: Path) -> Finding:
    """The spool's folders: there or possible to make, on one filesystem, open to this user."""
    what = f"spool {root}"
    try:
        owner = root.stat().st_uid
    except FileNotFoundError:
        return _to_be_made(what, root)
    except OSError as error:
        return Finding(what, False, f"cannot be looked at: {error.strerror}: {_LET_IN}")
    trouble = prepare_root(root) if owner == os.geteuid() else _look_at_spool(root)
    return Finding(what, trouble is None, trouble or "is there, on one filesystem, and writable")


def seen(path: Path) -> bool:
    """Whether something is there, as far as this user may look. Raises nothing."""
    try:
        path.stat()
    except OSError:
        return False
    return True


_LET_IN = "run this as the daemon's user, or give that user the folder"


def _to_be_made(what: str, folder: Path) -> Finding:
    """A folder that is not there yet is fine where the daemon can make it."""
    parent = next(each for each in folder.parents if seen(each))
    if os.access(parent, os.W_OK | os.X_OK, effective_ids=True):
        return Finding(what, True, "is not there yet; smppd run makes it")
    cure = "create it for the daemon's user, or run this as that user"
    return Finding(what, False, f"is not there, and this user cannot make it in {parent}: {cure}")


def _look_at_spool(root: Path) -> str | None:
    device = root.stat().st_dev
    for name in FOLDERS:
        folder = root / name
        try:
            there = folder.stat()
        except FileNotFoundError:
            continue
        except OSError as error:
            return f"{folder} cannot be looked at: {error.strerror}: {_LET_IN}"
        if not stat.S_ISDIR(there.st_mode):
            return f"{folder} is not a folder: move it away"
        if there.st_dev != device:
            return f"{folder} is on another filesystem: mount the whole spool as one"
        if not os.access(folder, os.W_OK | os.X_OK, effective_ids=True):
            return f"{folder} is not writable by this user: {_LET_IN}"
    return None


def check_journal(path: Path) -> Finding:
    """The journal's file and folder, and whether this program knows its version."""
    what = f"journal {path}"
    if not seen(path.parent):
        return _to_be_made(what, path.parent)
    if not os.access(path.parent, os.W_OK | os.X_OK, effective_ids=True):
        return Finding(what, False, f"{path.parent} is not writable by this user: {_LET_IN}")
    if not seen(path):
        return Finding(what, True, "is not there yet; smppd run makes it")
    if not os.access(path, os.R_OK | os.W_OK, effective_ids=True):
        return Finding(what, False, f"cannot be read and written by this user: {_LET_IN}")
    try:
        open_reader(path).close()
    except JournalError as error:
        return Finding(what, False, str(error))
    return Finding(what, True, "is there, and of a version this smppd knows")


def check_control(path: Path) -> Finding:
    """The folder of the control socket."""
    what = f"control socket {path}"
    folder = path.parent
    if not (seen(folder) and folder.is_dir()):
        cure = "create it, in a systemd unit with RuntimeDirectory=, or set [observe] control"
        return Finding(what, False, f"its folder {folder} does not exist: {cure}")
    if not os.access(folder, os.W_OK | os.X_OK, effective_ids=True):
        return Finding(what, False, f"{folder} is not writable by this user: {_LET_IN}")
    if os.path.lexists(path) and not stat.S_ISSOCK(path.lstat().st_mode):
        return Finding(what, False, "this is no socket: remove it, or set [observe] control")
    return Finding(what, True, "its folder is there and writable")


def check_operators(group: str) -> Finding:
    """Whether there is such a group."""
    what = f"operators {group}"
    try:
        grp.getgrnam(group)
    except KeyError:
        cure = "create it (groupadd), or correct [observe] operators"
        return Finding(what, False, f"there is no such group: {cure}")
    return Finding(what, True, "is a group whose members may command the daemon")


def check_listen(address: Address) -> Finding:
    """Whether the port for /metrics is free."""
    host, port = address
    what = f"listen {_shown(address)}"
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
        for family, kind, protocol, _, place in found:
            with socket.socket(family, kind, protocol) as probe:
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                probe.bind(place)
    except OSError as error:
        cure = 'set [observe] listen to a free address, or to "" for none'
        return Finding(what, False, f"cannot listen there: {error.strerror}: {cure}")
    return Finding(what, True, "is free")


def check_hosts(link: LinkConfig) -> Iterator[Finding]:
    """Whether each host of a link has an address."""
    for host, port in link.hosts:
        what = f"link {link.name}, host {_shown((host, port))}"
        yield check_host(what, host, port, "host name")


def check_local_address(link: LinkConfig) -> Finding:
    """Whether this machine has the address that a link connects from."""
    what = f"link {link.name}, local_address {link.local_address}"
    kind = socket.AF_INET6 if ":" in link.local_address else socket.AF_INET
    try:
        with socket.socket(kind, socket.SOCK_DGRAM) as probe:
            probe.bind((link.local_address, 0))
    except OSError as error:
        cure = "correct local_address, or give the machine that address"
        return Finding(what, False, f"cannot be connected from ({error.strerror}): {cure}")
    return Finding(what, True, "is an address of this machine")


def _shown(address: Address) -> str:
    host, port = address
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
