"""A conversation over TCP as it might have been on the wire: frames with addresses, numbers and sums.

What a session says is known octet by octet, and nothing of how the network carried it: so each piece
gets one frame, sequence numbers that fit, and no repetition. Pure, raises nothing.
"""

from __future__ import annotations

import socket
import struct
from collections.abc import Iterator
from ipaddress import ip_address
from typing import NamedTuple

_FIN, _SYN, _PUSH, _ACK = 0x01, 0x02, 0x08, 0x10
_FIRST = 1
_WINDOW = 65535
#: So much fits into one frame, whatever the addresses.
_MOST = 60_000
_OURS, _THEIRS = bytes.fromhex("020000000001"), bytes.fromhex("020000000002")
_IPV4, _IPV6 = 0x0800, 0x86DD


class Ends(NamedTuple):
    """Both ends of a connection, each an address in numbers and a port."""

    local: tuple[str, int]
    remote: tuple[str, int]


class _Side:
    """One end: its address in octets, its port, and the number of its next octet."""

    def __init__(self, address: str, port: int, hardware: bytes) -> None:
        self.address = _packed(address)
        self.port = port
        self.hardware = hardware
        self.next = _FIRST


class Frames:
    """Makes the frames of one connection, in the order in which things happened."""

    def __init__(self, ends: Ends) -> None:
        self._ours = _Side(*ends.local, _OURS)
        self._theirs = _Side(*ends.remote, _THEIRS)
        if len(self._ours.address) != len(self._theirs.address):
            self._ours.address = bytes(len(self._theirs.address))

    def opening(self) -> Iterator[bytes]:
        """We connected."""
        yield self._frame(self._ours, self._theirs, _SYN, b"", step=-1)
        yield self._frame(self._theirs, self._ours, _SYN | _ACK, b"", step=-1)
        yield self._frame(self._ours, self._theirs, _ACK, b"")

    def said(self, octets: bytes, *, ours: bool) -> Iterator[bytes]:
        """These octets went one way."""
        sender, other = (self._ours, self._theirs) if ours else (self._theirs, self._ours)
        for start in range(0, len(octets), _MOST):
            piece = octets[start : start + _MOST]
            yield self._frame(sender, other, _PUSH | _ACK, piece)
            sender.next += len(piece)

    def closing(self) -> Iterator[bytes]:
        """The connection ended."""
        yield self._frame(self._ours, self._theirs, _FIN | _ACK, b"")
        self._ours.next += 1
        yield self._frame(self._theirs, self._ours, _FIN | _ACK, b"")
        self._theirs.next += 1
        yield self._frame(self._ours, self._theirs, _ACK, b"")

    def _frame(
        self, sender: _Side, other: _Side, flags: int, octets: bytes, *, step: int = 0
    ) -> bytes:
        acknowledged = (other.next if flags & _ACK else 0) & 0xFFFFFFFF
        number = (sender.next + step) & 0xFFFFFFFF
        head = (sender.port, other.port, number, acknowledged, 5 << 4, flags, _WINDOW)
        pair = sender.address + other.address
        length = 20 + len(octets)
        pseudo = pair + struct.pack("!II", length, socket.IPPROTO_TCP)
        tcp = struct.pack("!HHIIBBHHH", *head, 0, 0)
        tcp = struct.pack("!HHIIBBHHH", *head, _sum(pseudo + tcp + octets), 0)
        if len(sender.address) == 16:
            kind = _IPV6
            ip = struct.pack("!IHBB", 6 << 28, length, socket.IPPROTO_TCP, 64) + pair
        else:
            kind = _IPV4
            fields = (0x45, 0, 20 + length, 0, 0x4000, 64, socket.IPPROTO_TCP)
            ip = struct.pack("!BBHHHBBH", *fields, 0) + pair
            ip = struct.pack("!BBHHHBBH", *fields, _sum(ip)) + pair
        return other.hardware + sender.hardware + struct.pack("!H", kind) + ip + tcp + octets


def _packed(address: str) -> bytes:
    """An address in octets; an IPv4 one that came as IPv6 is one of IPv4."""
    found = ip_address(address.partition("%")[0])
    mapped = getattr(found, "ipv4_mapped", None)
    return (mapped or found).packed


def _sum(octets: bytes) -> int:
    """The Internet's checksum (RFC 1071)."""
    if len(octets) % 2:
        octets += b"\0"
    total: int = sum(struct.unpack(f"!{len(octets) // 2}H", octets))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF
