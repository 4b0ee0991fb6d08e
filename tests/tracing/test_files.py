"""Traces as files: packets as Wireshark wants them, cut anywhere, in a ring."""

from __future__ import annotations

import errno
import os
import shutil
import stat
import struct
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smppd.smpp.codec import encode
from smppd.smpp.pdu import BindTransceiver, DeliverSm, EnquireLink, Pdu, SubmitSm
from smppd.tracing import ring as ring_module
from smppd.tracing.pcapng import head, packet
from smppd.tracing.recording import Record, Recording, What
from smppd.tracing.ring import Ring

TSHARK = shutil.which("tshark")
needs_tshark = pytest.mark.skipif(TSHARK is None, reason="tshark, of Debian's package, is not here")

V4 = (("192.0.2.1", 40000), ("198.51.100.7", 2775))
V6 = (("2001:db8::1", 40000), ("2001:db8::2", 2775))
HEAD = head("smppd", "main", "a test")


def blocks(octets: bytes) -> Iterator[tuple[int, bytes]]:
    """Kind and body of each block; each says its length twice."""
    at = 0
    while at < len(octets):
        kind, length = struct.unpack_from("<II", octets, at)
        assert struct.unpack_from("<I", octets, at + length - 4) == (length,)
        assert length % 4 == 0
        yield kind, octets[at + 8 : at + length - 4]
        at += length


def frames(packets: list[bytes]) -> list[bytes]:
    found = []
    for kind, body in blocks(b"".join(packets)):
        assert kind == 6
        (length,) = struct.unpack_from("<I", body, 12)
        found.append(body[20 : 20 + length])
    return found


def payload(frame: bytes) -> bytes:
    return frame[54:] if frame[12:14] == b"\x08\x00" else frame[74:]


def octets_of(*pdus: Pdu) -> bytes:
    return b"".join(encode(pdu, number) for number, pdu in enumerate(pdus, start=1))


def tshark(file: Path, *words: str) -> list[str]:
    assert TSHARK is not None
    command = [TSHARK, "-r", str(file), "-n", *words]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True)
    return done.stdout.splitlines()


@needs_tshark
@pytest.mark.parametrize("ends", [V4, V6])
def test_wireshark_reads_a_whole_connection(
    tmp_path: Path, ends: tuple[tuple[str, int], tuple[str, int]]
) -> None:
    long = SubmitSm(tlvs=((0x0424, b"x" * 65_000),))
    records = [
        Record(1e9, What.OPENED, 1, b"", ends),
        Record(1e9 + 0.5, What.SAID, 1, octets_of(BindTransceiver("acme", "secret"))),
        Record(1e9 + 1, What.SAID, 1, octets_of(long, SubmitSm(short_message=b"hi"))),
        Record(1e9 + 2, What.HEARD, 1, octets_of(DeliverSm(), EnquireLink())),
        Record(1e9 + 3, What.CLOSED, 1),
    ]
    recording = Recording(text=True)
    file = tmp_path / "a.pcapng"
    file.write_bytes(HEAD + b"".join(recording.packets(records)))
    assert recording.pdus == 5
    assert len(tshark(file, "-Y", "smpp")) == 5
    # The three of the beginning, one for each PDU and one more for the long one, the three of the end.
    assert len(tshark(file)) == 3 + 5 + 1 + 3
    checks = ("-o", "ip.check_checksum:TRUE", "-o", "tcp.check_checksum:TRUE")
    bad = "_ws.malformed or tcp.analysis.flags or ip.checksum.status==0 or tcp.checksum.status==0"
    assert tshark(file, *checks, "-Y", bad) == []
    good = "tcp.checksum.status==1"
    assert len(tshark(file, *checks, "-Y", good)) == 12
    times = tshark(file, "-T", "fields", "-e", "frame.time_epoch", "-Y", "smpp")
    assert [float(each) - 1e9 for each in times] == [0.5, 1, 1, 2, 2]


@given(st.lists(st.integers(1, 120), max_size=40))
def test_pdus_are_whole_however_they_came(cuts: list[int]) -> None:
    heard = octets_of(DeliverSm(short_message=b"one"), EnquireLink(), DeliverSm(short_message=b"2"))
    begun, rest = heard[:7], heard[7:]
    records = [Record(1.0, What.JOINED, "a", begun, V4)]
    for cut in [*cuts, len(rest)]:
        piece, rest = rest[:cut], rest[cut:]
        if piece:
            records.append(Record(2.0, What.HEARD, "a", piece))
    found = frames(list(Recording(text=True).packets(records)))
    assert [payload(each) for each in found] == [
        encode(DeliverSm(short_message=b"one"), 1),
        encode(EnquireLink(), 2),
        encode(DeliverSm(short_message=b"2"), 3),
    ]


def test_what_is_no_smpp_is_seen_by_its_length_alone() -> None:
    records = [
        Record(1.0, What.JOINED, "a", b"", V4),
        Record(1.0, What.HEARD, "a", b"HTTP/1.1 400 the secret text"),
    ]
    (frame,) = frames(list(Recording(text=False).packets(records)))
    assert payload(frame) == b"x" * 28


def test_two_connections_are_kept_apart_and_one_that_nobody_opened_is_not_told() -> None:
    records = [
        Record(1.0, What.JOINED, 1, b"", V4),
        Record(1.0, What.JOINED, 2, b"", V6),
        Record(1.0, What.HEARD, 1, octets_of(EnquireLink())[:9]),
        Record(1.0, What.HEARD, 2, octets_of(EnquireLink())),
        Record(1.0, What.HEARD, 1, octets_of(EnquireLink())[9:]),
        Record(1.0, What.HEARD, 3, octets_of(EnquireLink())),
    ]
    found = frames(list(Recording(text=False).packets(records)))
    assert [frame[12:14] for frame in found] == [b"\x86\xdd", b"\x08\x00"]


def test_files_are_for_their_owner_and_make_room(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ring_module, "MOST_OCTETS", 1000)
    monkeypatch.setattr(ring_module, "MOST_FILES", 3)
    ring = Ring(tmp_path, "main", 0.0, HEAD)
    before = os.umask(0)
    try:
        ring.open()
    finally:
        os.umask(before)
    block = packet(1.0, bytes(200))
    assert ring.write([block] * 40) == 40 * len(block)
    ring.close()
    names = sorted(path.name for path in tmp_path.iterdir())
    assert [path.name for path in ring.files] == names
    assert len(names) == 3
    assert names[0] == f"main-19700101-000000-{int(names[0][-11:-7]):04d}.pcapng"
    assert int(names[0][-11:-7]) > 3
    for path in tmp_path.iterdir():
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        octets = path.read_bytes()
        assert octets.startswith(HEAD)
        assert len(octets) < 1000 + len(HEAD) + len(block)
        assert all(kind == 6 for kind, _ in blocks(octets[len(HEAD) :]))


def test_what_is_there_is_not_written_over_and_no_link_is_followed(tmp_path: Path) -> None:
    place = tmp_path / "main-19700101-000000-0001.pcapng"
    place.write_bytes(b"mine")
    with pytest.raises(FileExistsError):
        Ring(tmp_path, "main", 0.0, HEAD).open()
    place.unlink()
    place.symlink_to(tmp_path / "elsewhere")
    with pytest.raises(FileExistsError):
        Ring(tmp_path, "main", 0.0, HEAD).open()
    assert not (tmp_path / "elsewhere").exists()


def test_a_disk_that_fills_up_leaves_whole_packets(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ring = Ring(tmp_path, "main", 0.0, HEAD)
    ring.open()
    block = packet(1.0, bytes(200))
    ring.write([block])
    write, room = os.write, [100]

    def full(descriptor: int, octets: bytes) -> int:
        if not room:
            raise OSError(errno.ENOSPC, "No space left on device")
        return write(descriptor, octets[: room.pop()])

    monkeypatch.setattr(os, "write", full)
    with pytest.raises(OSError, match="No space left"):
        ring.write([block, block])
    ring.close()
    assert ring.files[0].read_bytes() == HEAD + block
