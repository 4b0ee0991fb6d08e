"""Makes the encoder and decoder of a PDU class from its declaration.

The wire types of `fields` give source for one field; here it is joined to a function of straight
code and compiled, once, at import. `print(encoder_source(SubmitSm, …))` shows it. Used by `codec`
only. The functions made raise EncodeError and CutOffError.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Mapping
from functools import cache
from typing import Any, Final, TypeAlias, get_args

from smppd.smpp.errors import EncodeError
from smppd.smpp.fields import Reading, WireType, fields_of, is_time, step, write_fields
from smppd.smpp.pdu import Pdu, Response
from smppd.smpp.tlv import Tlvs, fills, read_tlvs, write_tlvs
from smppd.smpp.vocabulary import TlvTag

Encoder: TypeAlias = Callable[[Pdu, int, int], bytes]
Decoder: TypeAlias = Callable[[bytes], Pdu]
Fields: TypeAlias = Mapping[str, WireType]

_HEADER: Final = struct.Struct(">LLLL")

#: All that straight code raises over octets that are not there.
_MISSING: Final = (LookupError, ValueError)

#: All that straight code raises over a value that does not fit.
_UNFIT: Final = (
    EncodeError,
    ValueError,
    LookupError,
    TypeError,
    AttributeError,
    OverflowError,
    struct.error,
)


class CutOffError(Exception):
    """A request ends inside a mandatory field."""


# ── writing ──────────────────────────────────────────────────────────────────────────────────


def make_encoder(kind: type[Pdu], fields: Fields) -> Encoder:
    """`encode(pdu, sequence_number, command_status) -> octets` for one class of PDU."""
    names: dict[str, object] = {
        "NUL": "\0",
        "octet": {value: chr(value) for value in range(256)},
        "header": _HEADER.pack,
        "is_time": is_time,
        "write_tlvs": write_tlvs,
        "forbid_payload": _forbid_payload,
        "explain": _explain,
        "UNFIT": _UNFIT,
        "wire_types": fields,
        "bare": kind() if getattr(kind, "bare_when_refused", False) else None,
    }
    return _function("encode", encoder_source(kind, fields), names)  # type: ignore[no-any-return]


def encoder_source(kind: type[Pdu], fields: Fields) -> str:
    """The source of a PDU class's encoder."""
    writings = [wire_type.writing(name) for name, wire_type in fields.items()]
    lines = [check for writing in writings for check in writing.checks]
    if getattr(kind, "bare_when_refused", False):
        empty = f"header(16, {kind.command_id:d}, command_status, sequence_number)"
        lines.append(f"if command_status and pdu == bare: return {empty}")
    lines.append(f"body = {_body([part for w in writings for part in (w.text, w.octets)])}")
    lines.append("if pdu.tlvs:")
    if "short_message" in fields:
        lines.append("    if short_message: forbid_payload(pdu.tlvs)")
    lines.append("    body += write_tlvs(pdu.tlvs)")
    head = f"header(16 + len(body), {kind.command_id:d}, command_status, sequence_number)"
    lines.append(f"return {head} + body")
    return "\n".join(
        (
            "def encode(pdu, sequence_number, command_status):",
            "    try:",
            *(f"        {line}" for line in lines),
            "    except UNFIT as fault:",
            "        raise explain(pdu, wire_types, fault) from fault",
        )
    )


def _body(parts: list[str]) -> str:
    """One expression for the body: neighbouring text becomes one f-string, encoded at once."""
    terms: list[str] = []
    text = ""
    for index, part in enumerate(parts):
        if index % 2 == 0:
            text += part
        elif part:
            terms += [_latin1(text), part]
            text = ""
    terms.append(_latin1(text))
    return " + ".join(term for term in terms if term) or "b''"


def _latin1(text: str) -> str:
    return f"f\"{text}\".encode('latin-1')" if text else ""


def _forbid_payload(tlvs: Tlvs) -> None:
    # 3.4, 4.4.1: user data stands in short_message or in message_payload, never in both.
    if any(tag == TlvTag.MESSAGE_PAYLOAD for tag, _ in tlvs):
        raise EncodeError("short_message and message_payload exclude one another")


def _explain(pdu: Pdu, fields: Fields, fault: Exception) -> EncodeError:
    """Why a PDU could not be written: the field at fault, else what Python says."""
    name = pdu.command_id.name.lower()
    try:
        write_fields(pdu, fields)
    except EncodeError as reason:
        return EncodeError(f"{name}: {reason}")
    if isinstance(fault, struct.error):
        return EncodeError(f"{name}: command_status or sequence_number out of range")
    return EncodeError(f"{name}: {fault}")


# ── reading ──────────────────────────────────────────────────────────────────────────────────


def make_decoder(kind: type[Pdu], fields: Fields) -> Decoder:
    """`decode(frame) -> PDU` for one class of PDU; the frame is at least a header."""
    names: dict[str, object] = {
        "NUL": "\0",
        "kind": kind,
        "names": tuple(fields),
        "read_tlvs": read_tlvs,
        "read_repeated": _read_repeated,
        "tlvs_alone": _tlvs_alone if len(fields) == 1 else _tlvs_alone_for_sure,
        "cut_off": _cut_off,
        "MISSING": _MISSING,
        "wire_types": fields,
        "defaults": kind(),
    }
    return _function("decode", decoder_source(kind, fields), names)  # type: ignore[no-any-return]


def decoder_source(kind: type[Pdu], fields: Fields) -> str:
    """The source of a PDU class's decoder.

    A request that ends too early is refused with the name of the first field missing. A response
    is read from its octets and one NUL more, so that a missing NUL or body does no harm, starts
    from the defaults and keeps what was read before it broke off.
    """
    lines, distance = _read_all(fields, 0)
    lenient = kind in get_args(Response)
    body = ["end = len(frame)", "at = 16"]
    if lenient and fields:
        defaults = (f"{name} = defaults.{name}" for name in fields)
        body += ["data = frame + b'\\0'", *defaults]
        body += ["if end > 19 and frame[16] < 32 and tlvs_alone(frame, end):"]
        body += ["    return kind(tlvs=read_tlvs(frame, 16, end))"]
    else:
        body += ["data = frame"]
    if fields:
        on_fault = "at = end" if lenient else "raise cut_off(names, locals())"
        body += ["text = str(data, 'latin-1')", "find = text.index", "try:"]
        body += [f"    {line}" for line in (*lines, *step(distance))]
        body += ["except MISSING:", f"    {on_fault}"]
    arguments = ", ".join((*fields, "read_tlvs(frame, at, end) if at < end else ()"))
    body += [f"return kind({arguments})"]
    return "\n".join(("def decode(frame):", *(f"    {line}" for line in body)))


def _read_all(fields: Fields, distance: int) -> tuple[list[str], int]:
    lines: list[str] = []
    for name, wire_type in fields.items():
        reading: Reading = wire_type.reading(name, distance)
        lines += reading.lines
        distance = reading.distance
    return lines, distance


def _tlvs_alone(frame: bytes, end: int) -> bool:
    """Whether the body of a response that has one C-octet string is TLVs and no string.

    One octet 0 may be an empty string or the first half of a tag: the string has precedence.
    """
    return fills(frame, 16, end) and (frame[16] > 0 or not fills(frame, 17, end))


def _tlvs_alone_for_sure(frame: bytes, end: int) -> bool:
    """The same where more fields follow the string, so that an octet 0 proves nothing."""
    return frame[16] > 0 and fills(frame, 16, end)


def _cut_off(names: tuple[str, ...], found: Mapping[str, object]) -> CutOffError:
    return CutOffError(f"cut off in {next(name for name in names if name not in found)}")


def _read_repeated(
    data: bytes, text: str, at: int, kinds: tuple[type, ...]
) -> tuple[tuple[object, ...], int]:
    """A counted list of structures, told apart by their flag if they have one."""
    flags = {getattr(kind, "dest_flag", None): kind for kind in kinds}
    flagged = None not in flags
    count = data[at]
    at += 1
    items = []
    for _ in range(count):
        kind = flags[data[at] if flagged else None]
        item, at = _structure_reader(kind)(data, text, at + flagged)
        items.append(item)
    return tuple(items), at


@cache
def _structure_reader(kind: type) -> Callable[[bytes, str, int], tuple[object, int]]:
    fields = fields_of(kind)
    lines, distance = _read_all(fields, 0)
    values = ", ".join(fields)
    source = (
        "def read(data, text, at):",
        "    find = text.index",
        *(f"    {line}" for line in lines),
        f"    return kind({values}), at + {distance}",
    )
    return _function("read", "\n".join(source), {"NUL": "\0", "kind": kind})  # type: ignore[no-any-return]


def _function(name: str, source: str, names: dict[str, object]) -> Any:
    # The source is made of this package's own declarations; nothing from outside reaches it.
    exec(compile(source, f"<{name}>", "exec"), names)  # noqa: S102
    return names[name]
