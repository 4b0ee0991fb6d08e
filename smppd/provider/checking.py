"""Parameters are judged here before anything is sent: a mistake costs no request. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import tzinfo
from difflib import get_close_matches

from smppd.provider.kinds import Clock, read
from smppd.provider.operation import Api, Kind, Operation, Param, Value
from smppd.provider.words import Wrong

#: What belongs to every request and is added by the client.
_OURS = {
    "class": "is the part of the operation's name before the dot; leave it out",
    "method": "is the part of the operation's name behind the dot; leave it out",
    "user": "is that of the account in the configuration; leave it out",
    "password": "is that of the account in the configuration, and must stand nowhere else;"
    " take it out",
}

_EMPTY: tuple[object, ...] = (None, "", [], {}, ())
#: Of these a text of blanks is a text.
_TEXTS = (Kind.TEXT, Kind.BODY)


def check(
    operation: Operation, given: Mapping[str, object], time_zone: tzinfo | None = None
) -> dict[str, Value] | str:
    """The parameters as they are sent, or what is wrong with one, by its name and with the cure.

    `time_zone` is that of the provider's clock. Without it, a time with an offset is refused.
    """
    known = {param.name for param in operation.params}
    for name in given:
        if name not in known:
            return f"{name}: {_stranger(operation, name)}"
    clock = Clock(time_zone)
    checked: dict[str, Value] = {}
    for param in operation.params:
        found = _checked(operation, param, given, clock)
        if isinstance(found, Wrong):
            return f"{param.name}: {found.why}"
        if found is not None:
            checked[param.name] = found
    return _together(operation, checked) or checked


def unconfirmed(operation: Operation, confirmed: object) -> str:
    """What is missing before an operation that destroys may be done; empty when nothing is.

    Nothing but `true` confirms: a text or a number may stand there by accident.
    """
    if not operation.confirm or confirmed is True:
        return ""
    return (
        f"confirm: {operation.name} is irrevocable ({operation.title.lower()}); it is only done"
        ' with "confirm": true in its line, or --confirm on the command line'
    )


def _stranger(operation: Operation, name: str) -> str:
    if operation.api is Api.PROVIDER and name.lower() in _OURS:
        return _OURS[name.lower()]
    known = [param.name for param in operation.params]
    if not known:
        return f"{operation.name} has no parameters; leave it out"
    near = get_close_matches(name[:60].lower(), known, 1)
    if near:
        return f"{operation.name} has no such parameter; did you mean {near[0]}?"
    return f"{operation.name} has no such parameter; it has {', '.join(known)}"


def _checked(
    operation: Operation, param: Param, given: Mapping[str, object], clock: Clock
) -> Value | Wrong | None:
    value = given.get(param.name)
    blank = isinstance(value, str) and not value.strip() and param.kind not in _TEXTS
    if not blank and value not in _EMPTY:
        return read(param.kind, value, clock)
    if param.required:
        like = f', like "{param.example}"' if param.example else ""
        return Wrong(f"missing, and {operation.name} needs it: {param.about}{like}")
    if operation.api is Api.PROVIDER or param.name not in given:
        return None
    # An empty text may be meant to empty a field of a contact; null is said of nowhere.
    if value == "" and param.kind in _TEXTS:
        return ""
    return Wrong('is empty; leave it out, or write "" for an empty text')


def _together(operation: Operation, checked: Mapping[str, Value]) -> str:
    """What is wrong with parameters that are right each by itself."""
    if operation.name != "group.creategroup":
        return ""
    main = checked["type"]
    if main in str(checked["fields"]).split(","):
        return ""
    return f"fields: {main} is not among them, and a group of type {main} must have it; add it"
