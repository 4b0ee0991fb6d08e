"""A submit_sm as octets say it, taken apart by hand: shares no code with the daemon's protocol."""

from __future__ import annotations

import struct
from typing import NamedTuple

from tests.pitfalls.raw import Frame
from tests.pitfalls.rig import Rig


class Submit(NamedTuple):
    """The fields of a submit_sm (3.4, 4.4.1), in their order on the wire."""

    service_type: bytes
    source_ton: int
    source_npi: int
    source: bytes
    dest_ton: int
    dest_npi: int
    destination: bytes
    esm_class: int
    protocol_id: int
    priority_flag: int
    schedule_delivery_time: bytes
    validity_period: bytes
    registered_delivery: int
    replace_if_present_flag: int
    data_coding: int
    sm_default_msg_id: int
    text: bytes
    tlvs: tuple[tuple[int, bytes], ...]


def taken_apart(frame: Frame) -> Submit:
    """Fails where a field does not end, or something is left over."""
    body = frame.body
    service_type, body = _c_string(body)
    source_ton, source_npi = body[:2]
    source, body = _c_string(body[2:])
    dest_ton, dest_npi = body[:2]
    destination, body = _c_string(body[2:])
    esm_class, protocol_id, priority_flag = body[:3]
    schedule, body = _c_string(body[3:])
    validity, body = _c_string(body)
    registered, replace, data_coding, default_id, length = body[:5]
    text, body = body[5 : 5 + length], body[5 + length :]
    assert len(text) == length
    tlvs = []
    while body:
        tag, size = struct.unpack_from(">HH", body)
        assert len(body) >= 4 + size
        tlvs.append((tag, body[4 : 4 + size]))
        body = body[4 + size :]
    return Submit(
        service_type, source_ton, source_npi, source, dest_ton, dest_npi, destination,
        esm_class, protocol_id, priority_flag, schedule, validity,
        registered, replace, data_coding, default_id, text, tuple(tlvs),
    )  # fmt: skip


def _c_string(octets: bytes) -> tuple[bytes, bytes]:
    text, nul, rest = octets.partition(b"\0")
    assert nul
    return text, rest


async def submitted(rig: Rig, **fields: object) -> list[Submit]:
    """Hand a message in; the submits that it became."""
    before = len(rig.smsc.submits)
    name = rig.hand_in({"to": "+34600000001", "from": "ACME", "receipt": False} | fields)
    await rig.until(lambda: rig.has_results(name))
    return [taken_apart(frame) for frame in rig.smsc.submits[before:]]


async def refused(rig: Rig, **fields: object) -> dict[str, str]:
    """Hand in a message that must not leave; the error that its result has."""
    before = len(rig.smsc.submits)
    name = rig.hand_in({"to": "+34600000001", "from": "ACME", "text": "Hola"} | fields)
    await rig.until(lambda: rig.has_results(name))
    (line,) = rig.results(name)
    assert line["state"] == "rejected", line
    assert len(rig.smsc.submits) == before
    error: dict[str, str] = line["error"]
    return error
