"""Calls as logs may keep them: whose and how many, but neither numbers nor what is said. Pure.

With `full` everything is kept, as `log_content` asks for. Credentials are no parameters, and never
get here.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from urllib.parse import urlsplit

from smppd.masking import first_digits, masked_words
from smppd.provider.answers import Answer, Failure, NoAnswer
from smppd.provider.operation import Kind, Operation, Value

#: Kinds of parameters that say neither what is written nor to whom.
_OPEN = frozenset(
    {
        Kind.ID,
        Kind.IDS,
        Kind.DIAL_CODE,
        Kind.COUNTRY,
        Kind.MOMENT,
        Kind.GROUP_TYPE,
        Kind.FIELD,
        Kind.COLUMNS,
        Kind.PLATFORM,
        Kind.FILE_TYPE,
        Kind.WHOLE,
    }
)
#: Parameters of other kinds that say nothing of the kind either.
_OPEN_NAMES = frozenset({"output"})
#: Fields of answers that do not.
_OPEN_FIELDS = frozenset(
    {"id", "messageid", "count", "credits", "platform", "platformid", "sent", "issent", "status"}
    | {"datetime", "deliverydate", "deliverystatus"}
)
#: Objects and values of a list that are shown; how many more there are is said.
_SHOWN = 20
_PHONE = re.compile(r"\+?[0-9][0-9 ().-]{4,}")


def masked_params(operation: Operation, params: Mapping[str, Value], *, full: bool = False) -> str:
    """The parameters of a call, as JSON."""
    if full:
        return _written(dict(params))
    kinds = {param.name: param.kind for param in operation.params}
    return _written(
        {name: _param(name, kinds.get(name, Kind.TEXT), value) for name, value in params.items()}
    )


def masked_answer(answer: Answer, *, full: bool = False) -> str:
    """What was answered: the result as JSON, or what a refusal or its absence says."""
    if isinstance(answer, Failure):
        said = answer.text
    elif isinstance(answer, NoAnswer):
        said = answer.reason
    else:
        return answer.result.decode(errors="replace") if full else _result(answer.result)
    return said if full else masked_words(said)


def _param(name: str, kind: Kind, value: Value) -> Value:
    if kind in _OPEN or name in _OPEN_NAMES:
        return value
    text = str(value)
    if kind is Kind.CONTACTS:
        return f"({len(_list(text))} contacts)"
    if kind is Kind.PAIRS:
        fields = [piece.partition(":")[0] for piece in text.split(",")]
        return f"({', '.join(fields)})"
    if kind is Kind.URL:
        return f"{urlsplit(text).hostname}/…"
    return _text(text)


def _text(text: str) -> str:
    """A number by its first digits, another text by its length."""
    return first_digits(text) if _PHONE.fullmatch(text) else _size(text)


def _list(text: str) -> list[object]:
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        return []
    return found if isinstance(found, list) else []


def _result(result: bytes) -> str:
    try:
        return _written(_shown("", json.loads(result, parse_int=str, parse_float=str)))
    except (ValueError, RecursionError):
        return _size(result.decode(errors="replace"))


def _shown(name: str, value: object) -> object:
    if isinstance(value, list):
        shown = [_shown(name, each) for each in value[:_SHOWN]]
        return shown if len(value) <= _SHOWN else [*shown, f"({len(value) - _SHOWN} more)"]
    if isinstance(value, dict):
        items = list(value.items())
        some = {each: _shown(each, what) for each, what in items[:_SHOWN]}
        return some if len(items) <= _SHOWN else {**some, "…": f"({len(items) - _SHOWN} more)"}
    if isinstance(value, str) and value and name not in _OPEN_FIELDS:
        return _text(value)
    return value


def _size(text: str) -> str:
    return f"({len(text)} characters)"


def _written(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))
