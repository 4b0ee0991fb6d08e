"""Users and what the bits of a file let them do. Access control lists are not read: where there is
one, it is named beside who may do what by the bits, and nothing is said against a user."""

from __future__ import annotations

import grp
import os
import pwd
import stat
from pathlib import Path

import msgspec

READ, WRITE, SEARCH = 4, 2, 1
_ACL = "system.posix_acl_access"
#: So many members of a group are named.
_MOST_NAMED = 5


class User(msgspec.Struct, frozen=True):
    """A user of this machine and the groups that he is in."""

    uid: int
    name: str
    groups: frozenset[int]


def user(uid: int) -> User:
    """The user of this number, known or not."""
    try:
        entry = pwd.getpwuid(uid)
    except KeyError:
        return User(uid, f"uid {uid}", frozenset())
    return User(uid, entry.pw_name, frozenset(os.getgrouplist(entry.pw_name, entry.pw_gid)))


def group_name(gid: int) -> str:
    """A group, with its members, a few of them at least."""
    try:
        entry = grp.getgrgid(gid)
    except KeyError:
        return f"gid {gid}"
    own = [each.pw_name for each in pwd.getpwall() if each.pw_gid == gid]
    members = sorted({*entry.gr_mem, *own})
    if not members:
        return f"{entry.gr_name} (nobody is in it)"
    more = "" if len(members) <= _MOST_NAMED else f" and {len(members) - _MOST_NAMED} more"
    return f"{entry.gr_name} ({', '.join(members[:_MOST_NAMED])}{more})"


def may(who: User, path: Path, bits: int) -> bool:
    """Whether a user may do this with a file or folder, its own bits alone. OSError when nobody may
    look at it."""
    there = path.stat()
    if who.uid == 0 or _has_acl(path):
        return True
    if there.st_uid == who.uid:
        given = there.st_mode >> 6
    elif there.st_gid in who.groups:
        given = there.st_mode >> 3
    else:
        given = there.st_mode
    return given & bits == bits


def reaches(who: User, path: Path) -> bool:
    """Whether a user gets as far as this path."""
    return all(may(who, each, SEARCH) for each in path.absolute().parents)


def others_may(path: Path, bits: int) -> bool:
    """Whether every user may do one of these with it."""
    return bool(path.stat().st_mode & bits)


def group_may(path: Path, bits: int) -> bool:
    """Whether its group may do one of these with it."""
    return bool(path.stat().st_mode >> 3 & bits)


def readers(path: Path) -> str:
    """Who may read a file."""
    there = path.stat()
    mode = there.st_mode
    if mode & READ:
        return "every user"
    names = ["root"]
    if there.st_uid and mode & READ << 6:
        names.append(user(there.st_uid).name)
    if mode & READ << 3:
        names.append(f"the group {group_name(there.st_gid)}")
    return " and ".join([*names, *listed(path)])


def listed(path: Path) -> list[str]:
    """Who else may do something, where an access control list says so."""
    return [f"whoever its access control list names (getfacl {path})"] if _has_acl(path) else []


def replaceable(path: Path) -> Path | None:
    """The folder above a path in which every user may put something else in its place."""
    for each in path.absolute().parents:
        mode = each.stat().st_mode
        if mode & WRITE and not mode & stat.S_ISVTX:
            return each
    return None


def _has_acl(path: Path) -> bool:
    try:
        return bool(os.getxattr(path, _ACL))
    except OSError:
        return False
