"""An account's secrets, and how they are kept out of what an answer leaves behind. Pure."""

from __future__ import annotations

import json
from collections.abc import Iterable
from urllib.parse import quote, quote_plus

from smppd.httpapi.exchange import Reply
from smppd.provider.answers import Answer, Failure, NoAnswer, Success, meaning
from smppd.provider.operation import Operation

_UNSHOWN = "the answer repeats the account's credentials and is not shown"
#: In a result only a value that can be nothing but the secret is replaced.
_SHORTEST = 8
_HIDDEN = b'"(secret)"'


class Secrets:
    """Has no representation that shows them."""

    def __init__(self, secrets: Iterable[str]) -> None:
        plain = {each for each in secrets if each}
        self._forms = frozenset(
            form.encode()
            for each in plain
            for form in (each, quote(each), quote_plus(each), json.dumps(each)[1:-1])
        )
        self._values = frozenset(
            value.encode()
            for each in plain
            if len(each) >= _SHORTEST and not each.isdecimal()
            for value in (json.dumps(each), json.dumps(each, ensure_ascii=False))
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
