"""Whatever is called, in whatever order: every call is answered and accounted for."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from smppd.provider.catalogue import OPERATIONS
from smppd.provider.operation import Api
from smppd.simulate.provider.script import Trouble
from tests.simulate.calling import Caller, form

FIRST_API = sorted(name for name, each in OPERATIONS.items() if each.api is Api.PROVIDER)
VALUES = ["7", "8", "1001", "1", "1000", "mobile", "email", "mobile,name", "whatsapp", "100", "34"]
VALUES += [
    "34600000001",
    "+34600",
    "999",
    "",
    "mobile:600,name:x",
    "mobile:601",
    "name",
    "esp",
    "€" * 80,
]
VALUES += [
    '[{"mobile":"602"},{"mobile":null}]',
    '[{"name":"x"}]',
    "https://a.example/b",
    "image",
    "\ud800",
]
VALUES += [
    "2026-07-17 13:00:00",
    "9" * 5000,
    "1000000001,1000000002,1",
    "0",
    "\0",
    "<name>",
    "1" * 19,
]
#: What is most often right for a parameter, so that a history gets somewhere.
LIKELY = {
    "idgroup": "7",
    "idcontact": "1",
    "idtemplate": "1000",
    "platform": "whatsapp",
    "platformid": "100",
    "destination": "34600000001",
    "to": "34600000001",
    "type": "mobile",
    "scheduledatetime": "",
    "field": "name",
    "countrycode": "34",
    "sms": "Hola",
    "from": "ACME",
    "contact": "mobile:600",
    "contacts": '[{"mobile":"600"},{"mobile":"601"}]',
}
GROUP = {"id": "7", "contacts": [{"mobile": "600"}, {"mobile": "+34601"}, {"mobile": "999"}]}


@st.composite
def call(draw: st.DrawFn) -> tuple[str, dict[str, str]]:
    operation = draw(st.sampled_from(FIRST_API))
    params = {}
    for param in OPERATIONS[operation].params:
        usual = param.name in LIKELY and draw(st.integers(0, 4))
        params[param.name] = LIKELY[param.name] if usual else draw(st.sampled_from(VALUES))
    return operation, params


@st.composite
def fault(draw: st.DrawFn) -> dict[str, Any]:
    told = {"what": draw(st.sampled_from(list(Trouble))), "every": draw(st.integers(1, 5))}
    return {**told, "done": draw(st.booleans()), "share": draw(st.sampled_from([1.0, 0.5]))}


@settings(max_examples=200, deadline=None)
@given(
    st.lists(call(), max_size=60),
    st.lists(fault(), max_size=2),
    st.sampled_from(["text", "number"]),
    st.sampled_from(["one", "list", "map"]),
)
def test_every_call_is_answered_and_accounted_for(
    calls: list[tuple[str, dict[str, str]]], faults: list[dict[str, Any]], ids: str, shape: str
) -> None:
    http = {"group": [GROUP], "balance": 3, "price": 0.7, "no_route": ["999", "34999"]}
    caller = Caller(
        http={**http, "fault": faults, "ids": ids, "status_form": shape},
        chat={"count": 3, "reply": "so: {}"},
    )
    for number, (operation, params) in enumerate(calls):
        caller.now = number * 0.4
        class_, _, method = operation.partition(".")
        access = {"class": class_, "method": method, "user": "a", "password": "b"}
        caller.send(form({**params, **access}))
    tally = caller.provider.tally
    for seen in tally.calls.values():
        undone = sum(seen.faults.values())
        assert 0 <= seen.arrived - seen.done - sum(seen.refused.values()) <= undone
    assert sum(each.arrived for each in tally.calls.values()) == len(calls)
    account = caller.provider.accounts.of("a")
    sms = {to: n for (to, _), n in tally.messages.items() if "/" not in to}
    if account is not None:
        assert account.balance >= 0
        spent = Decimal(3) - account.balance
        assert spent >= Decimal("0.7") * sum(sms.values())
        assert (spent == 0) == (not sms)
        for group in account.groups.values():
            known = {contact[group.main]: number for number, contact in group.contacts.items()}
            assert group.by_main == known
            assert all(list(each) == group.columns for each in group.contacts.values())
