"""Lines for the provider's HTTP APIs: which fields go with which, and what is said when they do not.

Of each wrong field one sentence with the cure. What the values may be is judged where the operation
and its account are known (`calling`). Pure; raises nothing.
"""

from __future__ import annotations

from collections.abc import Mapping

from smppd.calling import operation_of
from smppd.message import CallRequest, ErrorInfo
from smppd.provider.checking import unconfirmed
from smppd.spool.wide import flaw_of_id, too_many

#: Fields of which one makes a line one of these.
FIELDS = frozenset({"op", "args", "confirm", "template", "params", "group", "country"})
#: Of these, null says that it is not given.
NULLABLE = FIELDS - {"confirm"}

_SMPP = "is for SMPP alone: leave it out"
_IN_ARGS = "does not go with op: put it into args, by the name that the operation has for it"
_ON_SMPP = dict.fromkeys(("data", "encoding", "transliterate", "flash", "udh", "tlv"), _SMPP)
_WITHOUT_OP = {
    "args": "only goes with op: name the operation, or leave it out",
    "confirm": "only goes with op: name the operation, or leave it out",
}

#: What does not go with an operation.
_OP = _ON_SMPP | dict.fromkeys(
    ("to", "text", "from", "template", "params", "group", "country"), _IN_ARGS
)
#: What does not go with a template, a text to a group, and a template to a group.
_TEMPLATE = {
    **_ON_SMPP,
    **_WITHOUT_OP,
    "text": "does not go with template, which has its own: leave one of the two out",
    "from": "does not go with template, which has its own: leave it out",
    "country": "only goes with group: write numbers with their country code",
}
_GROUP = {
    **_ON_SMPP,
    **_WITHOUT_OP,
    "to": "does not go with group: leave one of the two out",
    "params": "only goes with template: leave it out",
}
_TEMPLATE_TO_GROUP = {
    **_TEMPLATE,
    "to": _GROUP["to"],
    "params": "a template to a group takes none: leave it out, or send to single numbers",
}
del _TEMPLATE_TO_GROUP["country"]
_NEITHER = _WITHOUT_OP | {
    "params": _GROUP["params"],
    "country": _TEMPLATE["country"],
}


def flaw_of_call(request: CallRequest) -> ErrorInfo | None:
    """The first thing that the line alone shows to be wrong."""
    for name, why in _misplaced(request).items():
        if _is_given(request, name):
            return ErrorInfo("WRONG_FIELD", text=f"{name}: {why}")
    operation = operation_of(request)
    if isinstance(operation, ErrorInfo):
        return operation
    if (mistake := flaw_of_id(request.id)) is not None:
        return mistake
    if why := unconfirmed(operation, request.confirm):
        return ErrorInfo("NOT_CONFIRMED", text=why)
    return None if request.op is not None else _addressing(request) or _content(request)


def _misplaced(request: CallRequest) -> Mapping[str, str]:
    if request.op is not None:
        return _OP
    if request.group is None:
        return _NEITHER if request.template is None else _TEMPLATE
    return _GROUP if request.template is None else _TEMPLATE_TO_GROUP


_PLAIN = CallRequest()


def _is_given(request: CallRequest, name: str) -> bool:
    field = "from_" if name == "from" else name
    return bool(getattr(request, field) != getattr(_PLAIN, field))


def _addressing(request: CallRequest) -> ErrorInfo | None:
    if request.group is not None:
        return None
    if not request.to:
        text = "to: missing: a template goes to a number, or to a group"
        return ErrorInfo("MISSING_TO", text=text)
    if not all(request.to):
        return ErrorInfo("EMPTY_TO", text="to: empty: write the destination's number")
    return too_many(request.to)


def _content(request: CallRequest) -> ErrorInfo | None:
    if request.template is not None or request.text:
        return None
    if request.text is None:
        return ErrorInfo("MISSING_TEXT", text="text: missing: add text, or a template")
    return ErrorInfo("EMPTY_TEXT", text="text: empty: there is nothing to send")
