"""Files as smstools leaves them for people and scripts: sent, failed, received, reports. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from smppd.smstools_text import head_and_body

#: What a status report says, by the state of its message: a status of GSM 03.40, and its words.
_STATUSES = {
    "delivered": (0, "Ok,short message received by the SME"),
    "expired": (70, "Permanent error,SM validity period expired"),
}
_FAILED = (69, "Permanent error,not delivered")


def moment(at: float) -> str:
    """A time (epoch seconds) as smstools writes it: local, and with two digits for the year."""
    return datetime.fromtimestamp(at).strftime("%y-%m-%d %H:%M:%S")  # noqa: DTZ006 - local, as there


def annotated(content: bytes, headers: Sequence[tuple[str, str]]) -> bytes:
    """A file with more headers behind its own."""
    head, body = head_and_body(content)
    lines = [head.rstrip(b"\r\n")] if head.strip() else []
    lines += [f"{name}: {' '.join(value.split())}".encode() for name, value in headers]
    return b"\n".join(lines) + b"\n\n" + body


def received(
    headers: Sequence[tuple[str, str]], text: str, data: bytes | None, *, utf8: bool
) -> bytes:
    """A message from a handset; `data`: it is octets, not text."""
    alphabet, body = ("binary", data) if data is not None else _body(text, utf8=utf8)
    assert body is not None
    told = [*headers, ("Alphabet", alphabet), ("Length", str(len(text if data is None else body)))]
    head = "".join(f"{name}: {' '.join(value.split())}\n" for name, value in told)
    return head.encode() + b"\n" + body


def _body(text: str, *, utf8: bool) -> tuple[str, bytes]:
    if utf8:
        return "UTF-8", text.encode()
    try:
        return "ISO", text.encode("iso-8859-15")
    except UnicodeEncodeError:
        return "UCS2", text.encode("utf-16-be", "surrogatepass")


def report(headers: Sequence[tuple[str, str]], state: str, message_id: str, done: float) -> bytes:
    """A status report about a sent message."""
    status, words = _STATUSES.get(state, _FAILED)
    head = "".join(f"{name}: {' '.join(value.split())}\n" for name, value in headers)
    body = (
        f"SMS STATUS REPORT\nMessage_id: {message_id}\n"
        f"Discharge_timestamp: {moment(done)}\nStatus: {status},{words}\n"
    )
    return f"{head}\n{body}".encode()
