"""Direct calls: what an operator asks of a provider himself, not through the spool.

Which account, with which parameters, and the answer as it travels over the control socket. Pure;
what cannot be meant comes back as one line that names place and cure.
"""

from __future__ import annotations

from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

import msgspec

from smppd.config import AccountConfig, Config, HttpConfig
from smppd.message import ErrorInfo
from smppd.provider.answers import Answer, Failure, NoAnswer, Success
from smppd.provider.catalogue import OPERATIONS
from smppd.provider.checking import check, unconfirmed
from smppd.provider.operation import Operation, Value
from smppd.routing import Ways


class Asked(msgspec.Struct, frozen=True):
    """What an operator asks for. `via` is an account's name; "http" or None is the first one of
    the operation's API. `confirm` is for what cannot be undone."""

    op: str
    args: dict[str, Any] = {}
    via: str | None = None
    confirm: bool = False


class Wanted(NamedTuple):
    """A call that can be made: over which account, what, and the parameters as they are sent."""

    account: AccountConfig
    operation: Operation
    params: dict[str, Value]


def understand(config: Config, asked: Asked) -> Wanted | str:
    """The call that is meant, or what is wrong with it."""
    operation = OPERATIONS.get(asked.op)
    if operation is None:
        return f"there is no operation {asked.op}: smppd api --list shows every one"
    accounts = {each.name: each for each in config.accounts}
    links = {each.name: each for each in config.links}
    way = Ways(links, (), "", accounts).choose_account(asked.via, operation.api)
    if isinstance(way, ErrorInfo):
        return way.text
    account = accounts[way[0]]
    zone = account.time_zone if isinstance(account, HttpConfig) else ""
    params = check(operation, asked.args, ZoneInfo(zone) if zone else None)
    if isinstance(params, str):
        return params
    missing = unconfirmed(operation, asked.confirm)
    return missing or Wanted(account, operation, params)


class Told(msgspec.Struct, omit_defaults=True):
    """An answer as the daemon tells it. `result` is the JSON of a success, as it came."""

    account: str
    result: str | None = None
    code: str | None = None
    text: str = ""
    sent: bool = False


def told(account: str, answer: Answer) -> Told:
    """An answer for whoever asked."""
    if isinstance(answer, Success):
        return Told(account, result=answer.result.decode("utf-8", "replace"))
    if isinstance(answer, Failure):
        return Told(account, code=answer.code, text=answer.text)
    return Told(account, text=answer.reason, sent=answer.sent)


def heard(answer: dict[str, Any]) -> Answer:
    """The answer that `told` told. Raises `msgspec.ValidationError` for anything else."""
    said = msgspec.convert(answer, Told)
    if said.result is not None:
        return Success(said.result.encode())
    if said.code is not None:
        return Failure(said.code, said.text)
    return NoAnswer(said.text, said.sent)
