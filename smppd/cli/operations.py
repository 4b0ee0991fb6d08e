"""What the catalogue of the provider's operations says, for people and for programs."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import groupby
from typing import Any

from smppd.provider.catalogue import COMMON_ERRORS, OPERATIONS
from smppd.provider.operation import Api, Documented, Effect, Kind, Operation, Param, Shape

_CLASSES = {
    "sms": "SMS",
    "group": "groups and their contacts",
    "chat": "chat",
    "contacts": "contacts of the second API, over [contacts.NAME]",
}
_REPEATED = {
    Effect.READS: "it only reads, so it is asked again after a lost answer",
    Effect.CHANGES: "never: after a lost answer nobody knows whether it was done",
    Effect.SENDS: "never: after a lost answer nobody knows whether it was sent",
}


# ── all of them ──────────────────────────────────────────────────────────────────────────────


def listed() -> Iterator[str]:
    """Every operation with what it does, by class."""
    width = max(map(len, OPERATIONS))
    for class_, operations in groupby(OPERATIONS.values(), lambda each: each.class_):
        yield f"{class_}: {_CLASSES.get(class_, class_)}"
        for each in operations:
            yield f"  {each.name:<{width}}  {each.title}"
        yield ""
    yield "What one takes and answers: smppd api CLASS.METHOD --help"


def described() -> list[dict[str, Any]]:
    """Every operation, for programs."""
    return [_described(each) for each in OPERATIONS.values()]


def _described(operation: Operation) -> dict[str, Any]:
    answer = operation.answer
    return {
        "op": operation.name,
        "title": operation.title,
        "api": operation.api.value,
        "effect": operation.effect.value,
        "repeated": operation.harmless,
        "confirm": operation.confirm,
        "params": [
            {
                "name": param.name,
                "about": param.about,
                "holds": param.kind.value,
                "required": param.required,
                "example": param.example,
            }
            for param in operation.params
        ],
        "answer": {
            "shape": answer.shape.name.lower(),
            "fields": answer.fields,
            "nested": {answer.nested: answer.nested_fields} if answer.nested else {},
        },
        "errors": _errors(operation),
    }


def _errors(operation: Operation) -> dict[str, str]:
    common = COMMON_ERRORS if operation.api is Api.PROVIDER else {}
    return {**operation.errors, **common}


# ── one of them ──────────────────────────────────────────────────────────────────────────────


def explained(operation: Operation) -> Iterator[str]:
    """The help of one operation."""
    yield f"usage: smppd api {' '.join((operation.name, *_words(operation)))}"
    yield ""
    yield operation.title
    if operation.params:
        yield ""
        yield "parameters:"
        width = max(len(param.name) for param in operation.params)
        for param in operation.params:
            yield from _param(param, width)
    yield ""
    yield "answer:"
    yield f"  {_answer(operation.answer)}"
    yield ""
    yield f"repeated: {_REPEATED[operation.effect]}"
    yield ""
    yield from _told_errors(operation)


def _words(operation: Operation) -> Iterator[str]:
    for param in operation.params:
        word = f"{param.name}={param.name.upper()}"
        yield word if param.required else f"[{word}]"
    if operation.confirm:
        yield "--confirm"


def _param(param: Param, width: int) -> Iterator[str]:
    need = "compulsory" if param.required else "optional  "
    yield f"  {param.name:<{width}}  {need}  {param.about}"
    more = [] if param.kind is Kind.TEXT else [param.kind.value]
    if param.example:
        more.append(f"like {param.example}")
    if more:
        yield f"  {'':<{width}}              {'; '.join(more)}"


def _answer(answer: Documented) -> str:
    if answer.shape is Shape.NONE:
        return f"{answer.shape.value}; what comes is shown as it is"
    told = f"{answer.shape.value} with {', '.join(answer.fields)}"
    if answer.nested:
        told += f"; in {answer.nested}: {', '.join(answer.nested_fields)}"
    return told


def _told_errors(operation: Operation) -> Iterator[str]:
    errors = _errors(operation)
    if not errors:
        yield "errors: none is documented; what comes is shown as it is"
        return
    yield "errors:"
    width = max(map(len, errors))
    for code, text in errors.items():
        yield f"  {code:<{width}}  {text}"
