"""Who is at the other end of the control socket, and what he may do. The kernel says who (unix(7)).

Whoever may open the socket may look. What changes anything is for root, for the daemon's own user and
for the members of a group that is named for it.
"""

from __future__ import annotations

import errno
import os
import pwd
import socket
import struct
from collections.abc import Callable

import msgspec

#: Commands that change nothing and tell no message's text or number.
LOOKING = frozenset({"status"})

#: SO_PEERGROUPS (Linux 4.13); the socket module has no name for it.
_SO_PEERGROUPS = 59
_CREDENTIALS = struct.Struct("iII")
_GID = struct.Struct("I")
#: A user is in at most so many groups (NGROUPS_MAX).
_MOST_GROUPS = 65536

GetOption = Callable[[int, int, int], bytes]


class Peer(msgspec.Struct, frozen=True):
    """A process as it was when it connected: its effective user and all its groups."""

    uid: int
    groups: frozenset[int]


def peer_of(get_option: GetOption) -> Peer:
    """Who is behind a connected Unix socket; `get_option` is its getsockopt. OSError if nobody is."""
    octets = get_option(socket.SOL_SOCKET, socket.SO_PEERCRED, _CREDENTIALS.size)
    _, uid, gid = _CREDENTIALS.unpack(octets)
    return Peer(uid, frozenset([gid, *_more_groups(get_option)]))


def _more_groups(get_option: GetOption) -> list[int]:
    size = 64
    while size <= _MOST_GROUPS:
        try:
            octets = get_option(socket.SOL_SOCKET, _SO_PEERGROUPS, size * _GID.size)
        except OSError as error:
            if error.errno != errno.ERANGE:
                return []  # an older kernel: the user's first group must do
            size *= 8
        else:
            return [gid for (gid,) in _GID.iter_unpack(octets)]
    return []


def name_of(uid: int) -> str:
    """A user by his name and number, for the journal and for people. Blocks where names are looked up
    elsewhere."""
    try:
        return f"{pwd.getpwuid(uid).pw_name} (uid {uid})"
    except KeyError:
        return f"uid {uid}"


class Operators(msgspec.Struct, frozen=True):
    """Who may change anything: root, the user `uid`, and the group of this number and name, if any."""

    uid: int = msgspec.field(default_factory=os.geteuid)
    gid: int | None = None
    group: str = ""

    def include(self, peer: Peer) -> bool:
        """Whether this one may do anything."""
        return peer.uid in (0, self.uid) or self.gid in peer.groups

    def refusal(self, peer: Peer, command: str) -> str:
        """Why this one may not do that, with the cure; empty when he may."""
        if command in LOOKING or self.include(peer):
            return ""
        if self.gid is None:
            cure = 'use sudo, or name a group of operators with operators = "GROUP" in [observe]'
        else:
            cure = f"use sudo, or join the group {self.group}"
        return f"this user (uid {peer.uid}) may look, and not {command}: {cure}"
