"""What logs may keep of calls: neither numbers nor what is said, unless that is asked for."""

from __future__ import annotations

import json

import pytest

from smppd.provider.answers import Failure, NoAnswer, Success
from smppd.provider.catalogue import OPERATIONS
from smppd.provider.masking import masked_answer, masked_params

NUMBER, WORDS = "34600111222", "meet me at noon"
CONTACTS = json.dumps([{"mobile": NUMBER, "name": WORDS}])

CALLS = [
    (
        "sms.sendsms",
        {"from": "ACME", "to": NUMBER, "sms": WORDS, "scheduledatetime": "2030-01-31 09:30:00"},
        {
            "from": "(4 characters)",
            "to": "346…",
            "sms": "(15 characters)",
            "scheduledatetime": "2030-01-31 09:30:00",
        },
    ),
    (
        "sms.sendsmsfromtemplate",
        {"to": NUMBER, "idtemplate": "7", "params": f"name:{WORDS},mobile:{NUMBER}"},
        {"to": "346…", "idtemplate": "7", "params": "(name, mobile)"},
    ),
    (
        "group.addcontactlist",
        {"idgroup": "9", "contacts": CONTACTS},
        {"idgroup": "9", "contacts": "(1 contacts)"},
    ),
    (
        "chat.sendfile",
        {"destination": NUMBER, "fileurl": f"https://files.example/{NUMBER}?key=hunter2"},
        {"destination": "346…", "fileurl": "files.example/…"},
    ),
    (
        "contacts.new",
        {"group_id": 1, "phone_number": NUMBER, "first_name": WORDS},
        {"group_id": 1, "phone_number": "346…", "first_name": "(15 characters)"},
    ),
]


@pytest.mark.parametrize(("name", "params", "shown"), CALLS)
def test_parameters(name: str, params: dict[str, str | int], shown: dict[str, str]) -> None:
    operation = OPERATIONS[name]

    masked = masked_params(operation, params)

    assert json.loads(masked) == shown
    for secret in (NUMBER, WORDS, "hunter2"):
        assert secret not in masked
    assert json.loads(masked_params(operation, params, full=True)) == params


@pytest.mark.parametrize(
    ("result", "shown"),
    [
        ({"messageid": 90071992547409931234, "credits": "1"}, None),
        (
            {"id": "1", "count": 1, "destinations": [{"messageid": "5", "destination": NUMBER}]},
            {"id": "1", "count": "1", "destinations": [{"messageid": "5", "destination": "346…"}]},
        ),
        (
            {"list": [{"messageid": "5", "message": WORDS, "destination": NUMBER, "sent": True}]},
            {
                "list": [
                    {
                        "messageid": "5",
                        "message": "(15 characters)",
                        "destination": "346…",
                        "sent": True,
                    }
                ]
            },
        ),
        ([NUMBER] * 25, ["346…"] * 20 + ["(5 more)"]),
        (WORDS, "(15 characters)"),
        (None, None),
    ],
)
def test_results(result: object, shown: object) -> None:
    answer = Success(json.dumps(result).encode())

    masked = masked_answer(answer)

    if shown is not None:
        assert json.loads(masked) == shown
    assert NUMBER not in masked
    assert WORDS not in masked
    assert masked_answer(answer, full=True) == json.dumps(result)


def test_ids_keep_every_digit() -> None:
    assert "90071992547409931234" in masked_answer(Success(b'{"messageid":90071992547409931234}'))


@pytest.mark.parametrize(
    "answer",
    [Failure("ODD", f"no route to +{NUMBER}"), NoAnswer(f"HTTP 500: no route to {NUMBER}", True)],
)
def test_what_is_said_of_a_number(answer: Failure | NoAnswer) -> None:
    assert NUMBER not in masked_answer(answer)
    assert "no route to" in masked_answer(answer)
    assert NUMBER in masked_answer(answer, full=True)


def test_a_result_that_is_too_deep() -> None:
    assert masked_answer(Success(b"[" * 200_000)) == "(200000 characters)"
