"""The simulated provider: a request in, an answer out.

It has state and no sockets; the time comes with each request, on the clock of the SMSC that is
simulated beside it. `Response` says when and how its answer leaves, and whoever carries it obeys.
Whatever a client sends, nothing is raised.
"""

from __future__ import annotations

from collections.abc import Mapping
from http import HTTPStatus

import msgspec

from smppd.provider.catalogue import OPERATIONS
from smppd.simulate.chance import Chance
from smppd.simulate.common import Common
from smppd.simulate.provider.accounts import Account, Accounts
from smppd.simulate.provider.answering import Doing, Params, Refused, Result, Writing
from smppd.simulate.provider.chats import Chats
from smppd.simulate.provider.contacts import Contacts, Failed, operation_at
from smppd.simulate.provider.faults import Faults, is_done, spoil
from smppd.simulate.provider.groups import Groups
from smppd.simulate.provider.script import BALANCE, NO_OPERATION, Fault, Trouble
from smppd.simulate.provider.sending import Sending
from smppd.simulate.provider.wire import (
    Request,
    Response,
    read_credentials,
    read_object,
    read_params,
    read_token,
)
from smppd.simulate.script import Script
from smppd.simulate.tally import Calls

_NOT_DONE = Failed(HTTPStatus.SERVICE_UNAVAILABLE, "not done")


class Provider:
    """Both APIs. The second is at any path with /api/contact/ in it, the first at all others."""

    def __init__(self, script: Script, common: Common | None = None) -> None:
        common = common or Common(script)
        self.tally = common.tally
        self.accounts = Accounts(script.http)
        self._success = script.http.envelope
        self._error = "ERROR" if self._success.isupper() else "error"
        chance = Chance(script.seed)
        writing = Writing(script.http, script.chat, common.wall_clock)
        groups = Groups(self.accounts, writing, self.tally.remark, tell_id=script.http.group_id)
        self._chats = Chats(script.chat, common, writing)
        self._contacts = Contacts(script.http)
        self._faults = Faults(script.http.fault, chance)
        self._doings: Mapping[str, Doing] = {
            **Sending(script, common, writing, chance).operations,
            **groups.operations,
            **self._chats.operations,
            BALANCE: lambda account, _params, _now: writing.credits(account.balance),
        }
        self._classes = {name.partition(".")[0] for name in self._doings}

    def handle(self, request: Request, now: float) -> Response:
        """Do what is asked, as the script allows, and answer."""
        if request.method not in ("GET", "POST"):
            return Response(b"GET and POST\n", HTTPStatus.METHOD_NOT_ALLOWED, "text/plain")
        self._chats.advance(now)
        if (contact := operation_at(request.path)) is not None:
            return self._serve_contact(contact, request)
        params = read_params(request)
        name = f"{params.get('class')}.{params.get('method')}"
        operation = name if name in self._doings else NO_OPERATION
        calls, fault = self._meet(operation)
        if fault is not None and fault.what is Trouble.REFUSE:
            result: Result = Refused(fault.code)
        elif is_done(fault):
            result = self._call(operation, request, params, now)
        else:
            result = _NOT_DONE
        self._count(calls, result)
        answer = Response(msgspec.json.encode(self._enveloped(result)))
        return answer if fault is None else spoil(answer, fault)

    def _meet(self, operation: str) -> tuple[Calls, Fault | None]:
        """Count a call; the fault that comes to it."""
        calls = self.tally.calls_of(operation)
        calls.arrived += 1
        fault = self._faults.strike(operation)
        if fault is not None:
            calls.faults[fault.what] = calls.faults.get(fault.what, 0) + 1
        return calls, fault

    @staticmethod
    def _count(calls: Calls, result: Result) -> None:
        if isinstance(result, Refused):
            calls.refused[result.code] = calls.refused.get(result.code, 0) + 1
        elif isinstance(result, Failed):
            code = result.status.name
            if result is not _NOT_DONE:
                calls.refused[code] = calls.refused.get(code, 0) + 1
        else:
            calls.done += 1

    # ── the first API ────────────────────────────────────────────────────────────────────────

    def _call(self, operation: str, request: Request, params: Params, now: float) -> Result:
        account = self._admit(request, params)
        if isinstance(account, Refused):
            return account
        if params["class"] not in self._classes:
            return Refused("INCORRECT_CLASS")
        if operation == NO_OPERATION:
            return Refused("INCORRECT_METHOD")
        if not account.known:
            account.known = True
            self._chats.welcome(account, now)
            self._chats.advance(now)
        if operation in OPERATIONS and not _is_complete(operation, params):
            return Refused("MISSING_COMPULSORY_PARAM")
        return self._doings[operation](account, params, now)

    def _admit(self, request: Request, params: Params) -> Account | Refused:
        """Whose call it is; what is missing is said before what is wrong."""
        who = read_credentials(request, params)
        given = {
            "USER": who.user,
            "PASSWORD": who.password,
            "CLASS": params.get("class"),
            "METHOD": params.get("method"),
        }
        for name, value in given.items():
            if not value:
                return Refused(f"MISSING_{name}")
        return self.accounts.find(who) or Refused("INCORRECT_USER_PASSWORD")

    def _enveloped(self, result: Result) -> object:
        if isinstance(result, Refused):
            return {"status": self._error, "error": result.code}
        return {"status": self._success, "result": result}

    # ── the second API ───────────────────────────────────────────────────────────────────────

    def _serve_contact(self, operation: str, request: Request) -> Response:
        calls, fault = self._meet(operation)
        if request.method != "POST":
            result: Result = Failed(HTTPStatus.METHOD_NOT_ALLOWED, "POST only")
        elif fault is not None and fault.what is Trouble.REFUSE:
            result = Failed(HTTPStatus.BAD_REQUEST, fault.code)
        elif is_done(fault):
            result = self._contacts.do(operation, read_token(request), read_object(request))
        else:
            result = _NOT_DONE
        self._count(calls, result)
        if isinstance(result, Failed):
            body: object = {"status": "error", "message": result.message}
            answer = Response(msgspec.json.encode(body), result.status)
        else:
            answer = Response(msgspec.json.encode({"status": "success", "result": result}))
        return answer if fault is None else spoil(answer, fault)


def _is_complete(operation: str, params: Params) -> bool:
    """Whether every compulsory parameter is there."""
    required = (param.name for param in OPERATIONS[operation].params if param.required)
    return all(params.get(name) for name in required)
