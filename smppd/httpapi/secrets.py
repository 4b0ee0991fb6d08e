"""An account's secrets, and how they are kept out of what an answer leaves behind. Pure."""

from __future__ import annotations

import html
import json
import re
from collections.abc import Iterable
from urllib.parse import quote, quote_plus

from smppd.exchange import Reply
from smppd.provider.answers import Answer, Failure, NoAnswer, Success, meaning
from smppd.provider.operation import Operation

_UNSHOWN = "the answer repeats the account's credentials and is not shown"
#: In a result only a value that can be nothing but the secret is replaced.
_SHORTEST = 8
_HIDDEN = b'"(secret)"'

_HEX = re.compile(r"\\u[0-9a-f]{4}")
_PERCENT = re.compile(r"%[0-9A-F]{2}")
#: What JSON that may stand in a page has as numbers, by who writes it.
_FOR_HTML = ("<>&", "<>&'", "<>&'=")
_APOSTROPHES = ("&#039;", "&#39;", "&apos;")


class Secrets:
    """Has no representation that shows them."""

    def __init__(self, secrets: Iterable[str]) -> None:
        plain = {each for each in secrets if each}
        self._forms = frozenset(
            form.encode()
            for each in plain
            for form in {each, *_in_json(each), *_in_urls(each), *_in_html(each)}
        )
        self._values = frozenset(
            f'"{form}"'.encode()
            for each in plain
            if len(each) >= _SHORTEST and not each.isdecimal()
            for form in _in_json(each)
        )

    def hide(self, operation: Operation, reply: Reply, answer: Answer) -> Answer:
        """The answer, without anything of the secrets that its reply repeats."""
        if not any(form in reply.body for form in self._forms):
            return answer
        if isinstance(answer, Success):
            result = answer.result
            for value in self._values:
                result = result.replace(value, _HIDDEN)
            return Success(result)
        if isinstance(answer, NoAnswer):
            return NoAnswer(f"HTTP {reply.status_code}: {_UNSHOWN}", answer.sent)
        known = meaning(operation, answer.code)
        code = answer.code
        if any(form in code.encode() for form in self._forms):
            code = "ERROR"
        return Failure(code, f"{known}; {_UNSHOWN}" if known else _UNSHOWN)


# ── how servers write a text ─────────────────────────────────────────────────────────────────


def _in_json(text: str) -> set[str]:
    """Within a JSON string: as most write it, and with what PHP and others escape besides."""
    forms = {json.dumps(text)[1:-1], json.dumps(text, ensure_ascii=False)[1:-1]}
    forms |= {each.replace("/", "\\/") for each in forms}
    forms |= {_for_html(each, marks) for each in forms for marks in _FOR_HTML}
    return forms | {_HEX.sub(lambda found: found[0][:2] + found[0][2:].upper(), f) for f in forms}


def _for_html(form: str, marks: str) -> str:
    for each in marks:
        form = form.replace(each, f"\\u{ord(each):04x}")
    return form


def _in_urls(text: str) -> set[str]:
    """In a URL or a form."""
    forms = {quote(text), quote(text, safe=""), quote_plus(text)}
    return forms | {_PERCENT.sub(lambda found: found[0].lower(), each) for each in forms}


def _in_html(text: str) -> set[str]:
    """In a page."""
    forms = {html.escape(text), html.escape(text, quote=False)}
    return forms | {each.replace("&#x27;", other) for each in forms for other in _APOSTROPHES}
