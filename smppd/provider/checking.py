"""Parameters are judged here before anything is sent: a mistake costs no request. Pure."""

from __future__ import annotations

from collections.abc import Mapping

from smppd.provider.operation import Operation, Value


def check(operation: Operation, given: Mapping[str, object]) -> dict[str, Value] | str:
    """The parameters as they are sent, or what is wrong with one, by its name and with the cure."""
    known = {param.name for param in operation.params}
    for name in given:
        if name not in known:
            return f"{name}: {operation.name} has no such parameter; it has {', '.join(known)}"
    for param in operation.params:
        if param.required and given.get(param.name) in (None, ""):
            return f"{param.name}: missing, and {operation.name} needs it: {param.about}"
    return {name: value if isinstance(value, int) else str(value) for name, value in given.items()}
