"""Makes the functions that write and read a PDU class from its declaration.

The wire types of `fields` give source for one field; here it is joined to a function of straight
code and compiled, once, at import. `print(encoder_source(SubmitSm, …))` shows it. Used by `codec`
only. The functions made raise EncodeError and CutOffError.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Collection, Mapping, Sequence
from functools import cache
from typing import Any, Final, TypeAlias, get_args

from smppd.smpp.errors import EncodeError
from smppd.smpp.fields import Reading, WireType, fields_of, is_time, step, write_fields
from smppd.smpp.pdu import Pdu, Response
from smppd.smpp.tlv import Tlvs, fills, read_tlvs, write_tlvs
from smppd.smpp.vocabulary import TlvTag

Encoder: TypeAlias = Callable[[Pdu, int, int], bytes]
Decoder: TypeAlias = Callable[..., Any]
Fields: TypeAlias = Mapping[str, WireType]
#: What PDUs have in common that differ in few fields.
Around: TypeAlias = tuple[str | bytes, ...]

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
    """A PDU ends inside a mandatory field."""


# ── writing ──────────────────────────────────────────────────────────────────────────────────


def make_encoder(kind: type[Pdu], fields: Fields) -> Encoder:
    """`encode(pdu, sequence_number, command_status) -> octets` for one class of PDU."""
    names = _names_for_writing(kind, fields)
    return _function("encode", encoder_source(kind, fields), names)  # type: ignore[no-any-return]


def make_filler(
    kind: type[Pdu], fields: Fields, open_fields: Sequence[str]
) -> Callable[..., bytes]:
    """`fill(around, …) -> octets of a body` for PDUs that differ in few fields, given in their order.

    `around` is what the others come to, see `write_around`.
    """
    names = _names_for_writing(kind, fields)
    return _function("fill", filler_source(fields, open_fields), names)  # type: ignore[no-any-return]


def write_around(pdu: Pdu, fields: Fields, open_fields: Collection[str]) -> Around:
    """What stands before and between the open fields of a PDU, as latin-1, and the octets behind
    them, TLVs included. EncodeError as from an encoder."""
    runs: list[dict[str, WireType]] = [{}]
    for name, wire_type in fields.items():
        if name in open_fields:
            runs.append({})
        else:
            runs[-1][name] = wire_type
    *before, behind = [write_fields(pdu, run) for run in runs]
    texts = [octets.decode("latin-1") for octets in before]
    return *texts, behind + write_tlvs(pdu.tlvs)


def _names_for_writing(kind: type[Pdu], fields: Fields) -> dict[str, object]:
    return {
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
        "EncodeError": EncodeError,
    }


def encoder_source(kind: type[Pdu], fields: Fields) -> str:
    """The source of a PDU class's encoder."""
    writings = [wire_type.writing(name) for name, wire_type in fields.items()]
    lines = [f"{name} = pdu.{name}" for name in fields]
    lines += [check for writing in writings for check in writing.checks]
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


def filler_source(fields: Fields, open_fields: Sequence[str]) -> str:
    """The source of what writes the open fields of a PDU class between octets that are there."""
    writings = [fields[name].writing(name) for name in open_fields]
    parts = []
    for number, writing in enumerate(writings):
        parts += [f"{{around[{number}]}}{writing.text}", writing.octets]
    parts += ["", "around[-1]"]
    return "\n".join(
        (
            f"def fill(around, {', '.join(open_fields)}):",
            "    try:",
            *(f"        {line}" for writing in writings for line in writing.checks),
            f"        return {_body(parts)}",
            "    except UNFIT as fault:",
            "        raise EncodeError(str(fault)) from fault",
        )
    )


def _body(parts: Sequence[str]) -> str:
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
    """`decode(data, text, at, end, padded=False) -> PDU` for one class of PDU.

    Its body stands in `data` between two positions; `text` is the same octets as latin-1. What
    stands behind it is never taken for a part of it: CutOffError. `padded` is for responses:
    behind the body there is one NUL and nothing, and whatever is missing does no harm.
    """
    names: dict[str, object] = {
        "NUL": "\0",
        "names": tuple(fields),
        "read_tlvs": read_tlvs,
        "read_repeated": _read_repeated,
        "cut_off": _cut_off,
        "MISSING": _MISSING,
        "wire_types": fields,
        "kind": kind,
        "tlvs_alone": _tlvs_alone if len(fields) == 1 else _tlvs_alone_for_sure,
        "defaults": kind(),
    }
    return _function("decode", decoder_source(kind, fields), names)  # type: ignore[no-any-return]


def body_pattern(fields: Fields, wanted: Collection[str]) -> str:
    """A regular expression for the mandatory fields of a body in latin-1, as far as the first text:
    a group for each field that is wanted, in wire order. To be compiled with DOTALL."""
    return "".join(wire_type.pattern(name in wanted) for name, wire_type in fields.items())


def decoder_source(kind: type[Pdu], fields: Fields) -> str:
    """The source of a PDU class's decoder.

    A request that ends too early is refused with the name of the first field missing. A padded
    response starts from the defaults and keeps what was read before it broke off.
    """
    lines, distance = _read_all(fields, 0)
    lenient = kind in get_args(Response)
    body = []
    if lenient and fields:
        body += ["if end - at > 3 and data[at] < 32 and tlvs_alone(data, at, end):"]
        body += ["    return kind(tlvs=read_tlvs(data, at, end))"]
        body += [f"{name} = defaults.{name}" for name in fields]
    if fields:
        body += _guarded([*lines, *step(distance)], "if padded: at = end" if lenient else "")
    arguments = ", ".join((*fields, "read_tlvs(data, at, end) if at < end else ()"))
    body += [f"return kind({arguments})"]
    return "\n".join(
        ("def decode(data, text, at, end, padded=False):", *(f"    {line}" for line in body))
    )


def _guarded(lines: Sequence[str], mend: str) -> list[str]:
    """The same lines, but nothing behind `end` is taken for what should stand before it, unless
    that can be mended."""
    refusal = "raise cut_off(names, locals()) from None"
    guarded = ["find = text.index", "try:", *(f"    {line}" for line in lines)]
    guarded += ["except MISSING:", f"    {mend}" if mend else f"    {refusal}"]
    guarded += [f"    else: {refusal}"] if mend else []
    return [*guarded, f"if at > end{' and not padded' if mend else ''}: {refusal}"]


def _read_all(fields: Fields, distance: int) -> tuple[list[str], int]:
    lines: list[str] = []
    for name, wire_type in fields.items():
        reading: Reading = wire_type.reading(name, distance)
        lines += reading.lines
        distance = reading.distance
    return lines, distance


def _tlvs_alone(data: bytes, at: int, end: int) -> bool:
    """Whether the body of a response that has one C-octet string is TLVs and no string.

    One octet 0 may be an empty string or the first half of a tag: the string has precedence.
    """
    return fills(data, at, end) and (data[at] > 0 or not fills(data, at + 1, end))


def _tlvs_alone_for_sure(data: bytes, at: int, end: int) -> bool:
    """The same where more fields follow the string, so that an octet 0 proves nothing."""
    return data[at] > 0 and fills(data, at, end)


def _cut_off(names: tuple[str, ...], found: Mapping[str, object]) -> CutOffError:
    missing = next((name for name in names if name not in found), names[-1])
    return CutOffError(f"cut off in {missing}")


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
