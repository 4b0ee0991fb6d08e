"""Requests as they arrive and answers as they leave, and what a request's parameters are.

Pure, and raises nothing: what cannot be read is not there.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from email.parser import BytesParser
from email.policy import HTTP
from enum import StrEnum
from typing import NamedTuple
from urllib.parse import parse_qsl

import msgspec


class Request(NamedTuple):
    """A request. The names of `headers` are in lower case; `target` has the query."""

    method: str
    target: str
    headers: Mapping[str, str]
    body: bytes = b""

    @property
    def path(self) -> str:
        """The target without its query."""
        return self.target.partition("?")[0]


class Leaving(StrEnum):
    """How an answer leaves."""

    WHOLE = "whole"
    #: The connection is closed without an octet of it.
    CLOSED = "closed"
    #: Nothing comes, and the connection stays.
    HANGING = "hanging"
    #: Half of the body that was announced, then the connection is closed.
    CUT = "cut"
    #: The body octet by octet, over `seconds`.
    SLOW = "slow"


class Response(NamedTuple):
    """An answer. It leaves `delay` seconds after the request came."""

    body: bytes = b""
    status: int = 200
    content_type: str = "application/json"
    leaving: Leaving = Leaving.WHOLE
    delay: float = 0.0
    seconds: float = 0.0
    headers: tuple[tuple[str, str], ...] = ()


class Credentials(NamedTuple):
    """Who says that he calls: empty where he does not say."""

    user: str = ""
    password: str = ""


def read_params(request: Request) -> dict[str, str]:
    """The parameters of the first API, from query and body; the body's go before."""
    params = _read_form(request.target.partition("?")[2])
    content_type = request.headers.get("content-type", "")
    kind = content_type.partition(";")[0].strip().lower()
    if kind == "multipart/form-data":
        params |= _read_multipart(content_type, request.body)
    elif kind in ("application/x-www-form-urlencoded", ""):
        params |= _read_form(request.body.decode("utf-8", "replace"))
    return params


def _read_form(written: str) -> dict[str, str]:
    try:
        return dict(parse_qsl(written, keep_blank_values=True, errors="replace"))
    except ValueError:
        return {}


def _read_multipart(content_type: str, body: bytes) -> dict[str, str]:
    head = f"Content-Type: {content_type}\r\n\r\n".encode("latin-1", "replace")
    message = BytesParser(policy=HTTP).parsebytes(head + body)
    params = {}
    for part in message.walk():
        name = part.get_param("name", header="content-disposition")
        octets = part.get_payload(decode=True)
        if isinstance(name, str) and isinstance(octets, bytes):
            params[name] = octets.decode("utf-8", "replace")
    return params


def read_credentials(request: Request, params: Mapping[str, str]) -> Credentials:
    """User and password: parameters, or else those of HTTP Basic."""
    if "user" in params or "password" in params:
        return Credentials(params.get("user", ""), params.get("password", ""))
    scheme, _, given = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() != "basic":
        return Credentials()
    try:
        written = base64.b64decode(given, validate=True).decode("utf-8", "replace")
    except (binascii.Error, ValueError):
        return Credentials()
    user, _, password = written.partition(":")
    return Credentials(user, password)


def read_token(request: Request) -> str:
    """The bearer token of the second API; empty for none."""
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    return token.strip() if scheme.lower() == "bearer" else ""


def read_object(request: Request) -> dict[str, object] | None:
    """The JSON object of a body."""
    try:
        return msgspec.json.decode(request.body, type=dict[str, object])
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None
