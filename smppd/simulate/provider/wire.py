"""Requests as they arrive and answers as they leave, and what a request's parameters are.

Pure, and raises nothing: what cannot be read is not there.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Mapping
from enum import StrEnum
from typing import NamedTuple
from urllib.parse import parse_qsl

import msgspec

_BOUNDARY = re.compile(r';\s*boundary=(?:"([^"]+)"|([^\s;"]+))', re.IGNORECASE)
_FIELD = re.compile(rb'(?im)^content-disposition:\s*form-data;.*?\bname="([^"]*)"')


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
    """The fields of multipart/form-data (RFC 7578), which is plainer than mail: no parts in parts,
    no encodings of transfer. email.parser, which can do both, raises TypeError for some headers."""
    found = _BOUNDARY.search(content_type)
    if found is None:
        return {}
    delimiter = b"\r\n--" + (found[1] or found[2]).encode("utf-8", "replace")
    params = {}
    # What comes before the first delimiter and after the last is no part.
    for part in (b"\r\n" + body).split(delimiter)[1:-1]:
        head, _, value = part.partition(b"\r\n\r\n")
        name = _FIELD.search(head)
        if name is not None:
            params[name[1].decode("utf-8", "replace")] = value.decode("utf-8", "replace")
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
