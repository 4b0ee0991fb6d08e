"""The framer: the same frames however the network cut the stream, and no way back from noise."""

from __future__ import annotations

import struct
from contextlib import suppress
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smppd.smpp.codec import Framer, Frames, decode, encode, is_pdu, take_pdus
from smppd.smpp.errors import RemoteProtocolError
from smppd.smpp.pdu import SubmitSmResp


def frame(body: bytes) -> bytes:
    return struct.pack(">LLLL", 16 + len(body), 5, 0, 1) + body


def cut(frames: Frames) -> list[bytes]:
    """Each frame by itself; its header says what its octets do."""
    found, at = [], 0
    for header in frames.headers:
        found.append(frames.octets[at : at + header[0]])
        assert header == struct.unpack(">LLLL", found[-1][:16])
        at += header[0]
    return found


def feed_in_pieces(framer: Framer, stream: bytes, cuts: list[int]) -> list[bytes]:
    edges = [0, *sorted(cut % (len(stream) + 1) for cut in cuts), len(stream)]
    pieces = (stream[a:b] for a, b in pairwise(edges))
    return [whole for piece in pieces for whole in cut(framer.feed(piece))]


frames = st.lists(st.binary(max_size=60).map(frame), max_size=8)


@given(wanted=frames, cuts=st.lists(st.integers(0, 1000), max_size=12))
def test_any_cutting_of_the_stream_gives_the_same_frames(
    wanted: list[bytes], cuts: list[int]
) -> None:
    framer = Framer()
    assert feed_in_pieces(framer, b"".join(wanted), cuts) == wanted
    assert not framer.pending


@given(wanted=frames, cuts=st.lists(st.integers(0, 1000), max_size=12))
def test_a_stream_that_is_only_looked_at_is_cut_alike(wanted: list[bytes], cuts: list[int]) -> None:
    stream, held, found = b"".join(wanted), bytearray(), list[bytes]()
    edges = [0, *sorted(cut % (len(stream) + 1) for cut in cuts), len(stream)]
    for a, b in pairwise(edges):
        held += stream[a:b]
        found += take_pdus(held)
    assert found == wanted
    assert all(map(is_pdu, found))
    assert not held


def test_where_it_is_out_of_step_it_is_told_as_it_is_and_looked_at_anew() -> None:
    good = encode(SubmitSmResp("0123abCD"), 1)
    held = bytearray(good + b"HTTP/1.1 400")
    assert [(each, is_pdu(each)) for each in take_pdus(held)] == [
        (good, True),
        (b"HTTP/1.1 400", False),
    ]
    held += good
    assert list(take_pdus(held)) == [good]


def test_single_octets_and_one_great_piece_give_the_same_frames() -> None:
    wanted = [encode(SubmitSmResp(str(number)), number) for number in range(500)]
    stream = b"".join(wanted)
    assert cut(Framer().feed(stream)) == wanted
    assert feed_in_pieces(Framer(), stream, list(range(len(stream)))) == wanted


def test_a_piece_of_a_pdu_is_pending() -> None:
    framer = Framer()
    octets = encode(SubmitSmResp("0123abCD"), 1)

    def feed(data: bytes) -> tuple[list[bytes], bool]:
        return cut(framer.feed(data)), framer.pending

    assert feed(b"") == ([], False)
    assert feed(octets[:3]) == ([], True)
    assert feed(octets[3:] + octets[:10]) == ([octets], True)
    assert feed(octets[10:]) == ([octets], False)


@pytest.mark.parametrize("length", [0, 4, 15, 131073, 0x7FFFFFFF, 0xFFFFFFFF])
def test_a_length_that_cannot_be_ends_the_stream_at_once(length: int) -> None:
    with pytest.raises(RemoteProtocolError, match=str(length)):
        Framer().feed(length.to_bytes(4, "big"))


def test_the_longest_pdu_allowed_passes() -> None:
    octets = frame(bytes(131072 - 16))
    assert cut(Framer().feed(octets)) == [octets]
    with pytest.raises(RemoteProtocolError):
        Framer(max_length=64).feed(frame(bytes(49)))


@pytest.mark.parametrize("length", [0, 1, 20, 24, 25, 26, 28])
def test_frames_before_the_noise_are_not_lost(length: int) -> None:
    good = encode(SubmitSmResp("0123abCD"), 1)
    stream = good + b"HTTP/1.1 400"
    framer = Framer()
    got: list[bytes] = []

    def feed_all() -> None:
        got.extend(cut(framer.feed(stream[:length])))
        got.extend(cut(framer.feed(stream[length:])))
        got.extend(cut(framer.feed(b"")))

    with pytest.raises(RemoteProtocolError):
        feed_all()
    assert got == [good]
    with pytest.raises(RemoteProtocolError):
        framer.feed(good)


@given(pieces=st.lists(st.binary(max_size=40), max_size=10))
def test_noise_raises_nothing_but_remote_protocol_error(pieces: list[bytes]) -> None:
    framer = Framer(max_length=200)
    read = []
    with suppress(RemoteProtocolError):
        for piece in pieces:
            read += [decode(whole) for whole in cut(framer.feed(piece))]
    stream = b"".join(pieces)
    assert sum(each.header.command_length for each in read) <= len(stream)
