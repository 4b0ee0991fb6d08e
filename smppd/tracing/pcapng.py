"""pcapng: blocks of a capture file (draft-ietf-opsawg-pcapng). Pure, raises nothing."""

from __future__ import annotations

import struct

_ETHERNET = 1
_SECTION, _INTERFACE, _PACKET = 0x0A0D0D0A, 1, 6
_COMMENT, _HARDWARE_OR_NAME, _APPLICATION = 1, 2, 4
_MAGIC = 0x1A2B3C4D


def head(application: str, interface: str, comment: str) -> bytes:
    """What a file begins with: a section, and its one interface, of which packets are Ethernet's and
    times microseconds."""
    section = struct.pack("<IHHq", _MAGIC, 1, 0, -1)
    section += _options((_COMMENT, comment), (_APPLICATION, application))
    described = struct.pack("<HHI", _ETHERNET, 0, 0) + _options((_HARDWARE_OR_NAME, interface))
    return _block(_SECTION, section) + _block(_INTERFACE, described)


def packet(at: float, frame: bytes) -> bytes:
    """A packet of the only interface; `at` in epoch seconds."""
    moment = int(at * 1_000_000)
    lengths = struct.pack("<IIIII", 0, moment >> 32, moment & 0xFFFFFFFF, len(frame), len(frame))
    return _block(_PACKET, lengths + _padded(frame))


def _options(*pairs: tuple[int, str]) -> bytes:
    written = b""
    for code, text in pairs:
        value = text.encode()
        written += struct.pack("<HH", code, len(value)) + _padded(value)
    return written + struct.pack("<HH", 0, 0)


def _block(kind: int, body: bytes) -> bytes:
    length = len(body) + 12
    return struct.pack("<II", kind, length) + body + struct.pack("<I", length)


def _padded(octets: bytes) -> bytes:
    return octets + bytes(-len(octets) % 4)
