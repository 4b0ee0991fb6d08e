"""Secrets that an answer repeats, in every writing that servers have for them."""

from __future__ import annotations

import html
import json
from urllib.parse import quote, quote_plus

import pytest

from smppd.exchange import Reply
from smppd.httpapi.secrets import Secrets
from smppd.provider.answers import Success, read_answer
from smppd.provider.catalogue import OPERATIONS

SEND = OPERATIONS["sms.sendsms"]
PASSWORD = "hunter2/ñ+&\"<x>'="


def in_json(marks: str) -> str:
    written = json.dumps(PASSWORD)[1:-1]
    for each in marks:
        written = written.replace(each, f"\\u{ord(each):04x}")
    return written


WRITTEN = {
    "as it is": PASSWORD,
    "JSON": json.dumps(PASSWORD)[1:-1],
    "JSON of PHP": json.dumps(PASSWORD)[1:-1].replace("/", "\\/"),
    "JSON of PHP, unescaped": json.dumps(PASSWORD, ensure_ascii=False)[1:-1].replace("/", "\\/"),
    "JSON with capitals": json.dumps(PASSWORD)[1:-1].replace("\\u00f1", "\\u00F1"),
    "JSON of Go": in_json("<>&"),
    "JSON of Gson": in_json("<>&'="),
    "URL": quote_plus(PASSWORD),
    "URL, all of it": quote(PASSWORD, safe=""),
    "URL, small": quote("hunter2/ñ+&", safe="").lower() + "%22%3cx%3e%27%3d",
    "HTML": html.escape(PASSWORD),
    "HTML, in text": html.escape(PASSWORD, quote=False),
}


@pytest.mark.parametrize("written", WRITTEN.values(), ids=WRITTEN)
def test_none_is_shown(written: str) -> None:
    for body in (
        f"<title>Bad password: {written}</title>",
        f"Bad password: {written}",
        f'{{"status":"error","error":"{written}"}}',
        f'{{"status":"success","result":{{"messageid":"7","auth":"{written}"}}}}',
    ):
        reply = Reply(200, "text/html", body.encode())
        said = Secrets([PASSWORD]).hide(SEND, reply, read_answer(SEND, *reply))
        if isinstance(said, Success):
            assert said == Success(b'{"messageid":"7","auth":"(secret)"}') or not is_json(written)
        else:
            assert "hunter2" not in repr(said), body


def is_json(written: str) -> bool:
    """Whether it is the password within a JSON string, and not another text."""
    try:
        return bool(json.loads(f'"{written}"') == PASSWORD)
    except ValueError:
        return False
