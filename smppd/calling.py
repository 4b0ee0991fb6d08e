"""From a line to a call of the provider's HTTP APIs: its operation, with checked parameters. Pure.

What cannot be sent is a value, an `ErrorInfo` whose text names the field and the cure, with one of
these `CODES` or one that plain messages have for the same mistake. Nothing is ever cut off.
"""

from __future__ import annotations

from collections.abc import Mapping
from difflib import get_close_matches
from functools import lru_cache
from types import MappingProxyType
from zoneinfo import ZoneInfo

from smppd.address import Destination, Sender, classify_sender, normalise_destination
from smppd.config import AccountConfig, HttpConfig
from smppd.expiry import window
from smppd.message import Call, CallRequest, ErrorInfo, Message, OnUnknown, Request
from smppd.provider.catalogue import OPERATIONS
from smppd.provider.checking import check
from smppd.provider.operation import Effect, Operation, Param
from smppd.smpp.vocabulary import Ton

#: Every `error.code` that is only given here. Codes are never renamed.
CODES: Mapping[str, str] = MappingProxyType(
    {
        "BAD_OP": "an operation that does not exist",
        "MISSING_ARG": "a compulsory parameter is missing",
        "BAD_ARG": "a parameter that does not exist, or a value that it cannot have",
        "BAD_TEMPLATE": "not the id of a template",
        "BAD_GROUP": "not the id of a group",
        "BAD_PARAMS": "values for a template that it cannot have",
        "BAD_COUNTRY": "not a dialling code",
        "BAD_TEXT": "a text that no call can carry",
        "NOT_BY_HTTP": "a field that only SMPP has, on a message for an HTTP account",
    }
)

#: The shorthands' operations, by what stands in a line: a template, a group.
_SHORT = {
    (True, False): "sms.sendsmsfromtemplate",
    (False, True): "sms.sendsmstogroup",
    (True, True): "sms.sendsmstogroupfromtemplate",
}
#: The fields of a line whose values are sent under the provider's names, and their own mistakes.
_FIELDS = {
    "idtemplate": ("template", "BAD_TEMPLATE"),
    "idgroup": ("group", "BAD_GROUP"),
    "params": ("params", "BAD_PARAMS"),
    "countrycode": ("country", "BAD_COUNTRY"),
    "from": ("from", "BAD_FROM"),
    "to": ("to", "BAD_TO"),
    "sms": ("text", "BAD_TEXT"),
}
_ON_UNKNOWN = {"hold": OnUnknown.HOLD, "resend": OnUnknown.RESEND, "fail": OnUnknown.FAIL}

_SEND = OPERATIONS["sms.sendsms"]


def operation_of(request: Request) -> Operation | ErrorInfo:
    """What a line asks for: by name, by a shorthand, or as a plain message that goes over HTTP."""
    if not isinstance(request, CallRequest):
        return _SEND
    if request.op is None:
        short = _SHORT.get((request.template is not None, request.group is not None))
        if short is None:
            text = "confirm: only goes with op: name the operation, or leave it out"
            return ErrorInfo("WRONG_FIELD", text=text)
        return OPERATIONS[short]
    found = OPERATIONS.get(request.op)
    if found is not None:
        return found
    near = get_close_matches(request.op[:60].lower(), OPERATIONS, n=1)
    cure = f"did you mean {near[0]}?" if near else "`smppd api --list` shows those there are"
    return ErrorInfo("BAD_OP", text=f"op: {request.op[:60]!r} is no operation: {cure}")


def make_call(
    request: Request, to: str, account: AccountConfig, country: str, now: float
) -> Message | ErrorInfo:
    """Make what an account calls. `to` is the one destination of a message that has some.

    `country` is the dial code of national numbers, unless the account has its own; `now` is epoch
    seconds.
    """
    operation = operation_of(request)
    if isinstance(operation, ErrorInfo):
        return operation
    given: Mapping[str, object] | ErrorInfo
    if isinstance(request, CallRequest) and request.op is not None:
        given = request.args or {}
    else:
        assert isinstance(account, HttpConfig)
        given = _spelt_out(request, to, account, account.default_country or country)
    if isinstance(given, ErrorInfo):
        return given
    params = check(operation, given, _zone(account))
    if isinstance(params, str):
        return _mistake(operation, request, given, params)
    return _message(request, operation, params, account, now)


# ── parameters ───────────────────────────────────────────────────────────────────────────────


def _spelt_out(
    request: Request, to: str, account: HttpConfig, country: str
) -> dict[str, object] | ErrorInfo:
    """The parameters that a plain message or a shorthand stands for."""
    group = template = params = None
    if isinstance(request, CallRequest):
        group, template, params = request.group, request.template, request.params
        country = country if request.country is None else str(request.country)
    elif name := _only_by_smpp(request):
        why = f"account {account.name!r} cannot carry it: leave it out, or send over a link"
        return ErrorInfo("NOT_BY_HTTP", text=f"{name}: {why}")
    given: dict[str, object] = {}
    if group is not None:
        given |= {"idgroup": group, "countrycode": country}
    else:
        destination = normalise_destination(to, country)
        if not isinstance(destination, Destination):
            return ErrorInfo("BAD_TO", text=destination)
        # A country with short numbers has some that would pass for national ones without a plus.
        plus = "+" if destination.ton == Ton.INTERNATIONAL else ""
        given["to"] = plus + destination.digits
    if template is not None:
        return given | {"idtemplate": template} | ({} if params is None else {"params": params})
    sender = classify_sender(account.from_ if request.from_ is None else request.from_)
    if not isinstance(sender, Sender):
        return ErrorInfo("BAD_FROM", text=sender)
    return given | {"from": sender.text, "sms": request.text}


def _only_by_smpp(request: Request) -> str:
    """The first field that is given and means nothing to a call; empty for none."""
    fields = {
        "data": request.data is not None,
        "udh": request.udh is not None,
        "tlv": request.tlv is not None,
        "flash": request.flash,
        "encoding": request.encoding != "auto",
        "transliterate": request.transliterate is not None,
    }
    return next((name for name, is_given in fields.items() if is_given), "")


@lru_cache(maxsize=64)
def _zone_called(name: str) -> ZoneInfo | None:
    return ZoneInfo(name) if name else None


def _zone(account: AccountConfig) -> ZoneInfo | None:
    """The zone of the provider's dates, where it is configured."""
    return _zone_called(account.time_zone) if isinstance(account, HttpConfig) else None


# ── what is wrong ────────────────────────────────────────────────────────────────────────────


def _mistake(
    operation: Operation, request: Request, given: Mapping[str, object], why: str
) -> ErrorInfo:
    """What is wrong with a parameter, in the words of whoever wrote the line."""
    name, _, reason = why.partition(": ")
    param = next((each for each in operation.params if each.name == name), None)
    missing = param is not None and _is_missing(param, given)
    if isinstance(request, CallRequest) and request.op is not None:
        return ErrorInfo("MISSING_ARG" if missing else "BAD_ARG", text=f"args: {why}")
    field, code = _FIELDS.get(name, (name, "BAD_ARG"))
    if not missing:
        return ErrorInfo(code, text=f"{field}: {reason}")
    key = {"from": "from", "country": "default_country"}.get(field)
    cure = f": write it, or set {key} of the account" if key else ": write it"
    return ErrorInfo("MISSING_ARG", text=f"{field}: missing, and {operation.name} needs it{cure}")


def _is_missing(param: Param, given: Mapping[str, object]) -> bool:
    value = given.get(param.name)
    blank = value is None or (isinstance(value, str) and not value.strip())
    return param.required and (blank or value in ([], {}))


# ── the message ──────────────────────────────────────────────────────────────────────────────


def _message(
    request: Request,
    operation: Operation,
    params: dict[str, str | int],
    account: AccountConfig,
    now: float,
) -> Message | ErrorInfo:
    times = window(request.send_at, request.expires, now)
    if isinstance(times, str):
        field = times.partition(":")[0]
        return ErrorInfo(f"BAD_{field.upper()}", text=times)
    send_at, expires = times
    return Message(
        to=str(params.get("to", params.get("destination", ""))),
        dest_ton=0,
        dest_npi=0,
        sender=str(params.get("from", params.get("platformid", ""))),
        source_ton=0,
        source_npi=0,
        data_coding=0,
        esm_class=0,
        encoding="",
        segments=(b"",),
        receipt=request.receipt and _can_be_asked_for(operation, account),
        on_unknown=_on_unknown(request, operation),
        expires=expires,
        echo=request.echo,
        send_at=send_at,
        call=Call(operation.name, params, operation.harmless),
    )


def _can_be_asked_for(operation: Operation, account: AccountConfig) -> bool:
    """Whether what was sent has message_ids, and the account asks what became of them."""
    is_sms = operation.effect is Effect.SENDS and operation.class_ == "sms"
    return is_sms and isinstance(account, HttpConfig) and account.status_after > 0


def _on_unknown(request: Request, operation: Operation) -> OnUnknown:
    if request.on_unknown is not None:
        return _ON_UNKNOWN[request.on_unknown]
    return OnUnknown.RESEND if operation.harmless else OnUnknown.HOLD
