"""Whatever comes back becomes a value, and only what is certain is said to be."""

from __future__ import annotations

import json
import tracemalloc

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from smppd.provider.answers import (
    Answer,
    Failure,
    NoAnswer,
    Success,
    read_answer,
    stops_account,
)
from smppd.provider.catalogue import COMMON_ERRORS, OPERATIONS

SEND = OPERATIONS["sms.sendsms"]
DOCUMENTED = [
    (name, code, text)
    for name, each in OPERATIONS.items()
    for code, text in {**COMMON_ERRORS, **each.errors}.items()
]


def read(body: bytes | str, status: int = 200, content_type: str = "application/json") -> Answer:
    octets = body.encode() if isinstance(body, str) else body
    return read_answer(SEND, status, content_type, octets)


class TestSuccess:
    @pytest.mark.parametrize("word", ["success", "SUCCESS", "Success"])
    def test_in_any_case(self, word: str) -> None:
        answer = read(f'{{"status":"{word}","result":{{"messageid":"7","credits":"0.5"}}}}')
        assert answer == Success(b'{"messageid":"7","credits":"0.5"}')

    @pytest.mark.parametrize(
        "result",
        ['{ "messageid" : 90071992547409931234 }', "12.50", '"text"', "[1, 2]", "null", "true"],
    )
    def test_keeps_the_result_as_it_came(self, result: str) -> None:
        assert read(f'{{"status":"success", "result": {result} }}') == Success(result.encode())

    def test_without_a_result(self) -> None:
        assert read('{"status":"success"}') == Success(b"null")

    def test_behind_a_byte_order_mark(self) -> None:
        assert read(b'\xef\xbb\xbf \r\n{"status":"success","result":1}\r\n') == Success(b"1")

    def test_with_an_octet_that_is_no_text(self) -> None:
        answer = read(b'{"status":"success","result":{"messageid":"7","sms":"a\xf1o"}}')
        assert answer == Success('{"messageid":"7","sms":"a\ufffdo"}'.encode())

    def test_in_the_alphabet_that_it_is_said_to_be_in(self) -> None:
        body = '{"status":"success","result":"año"}'.encode("latin-1")
        assert read(body, content_type="text/html; charset=ISO-8859-1") == Success('"año"'.encode())

    def test_in_utf_8_whatever_it_is_said_to_be_in(self) -> None:
        body = '{"status":"success","result":"año"}'
        assert read(body, content_type="text/html; charset=ISO-8859-1") == Success('"año"'.encode())

    @pytest.mark.parametrize("status", [302, 403, 500, 503])
    def test_that_http_contradicts_is_no_answer(self, status: int) -> None:
        answer = read('{"status":"success","result":1}', status)
        assert isinstance(answer, NoAnswer)
        assert answer.sent
        assert str(status) in answer.reason


class TestFailure:
    @pytest.mark.parametrize(("name", "code", "text"), DOCUMENTED)
    def test_has_the_documented_meaning(self, name: str, code: str, text: str) -> None:
        body = json.dumps({"status": "error", "error": code}).encode()
        assert read_answer(OPERATIONS[name], 200, "", body) == Failure(code, text)

    @pytest.mark.parametrize("status", [200, 400, 401, 403, 404, 429, 500, 503])
    def test_counts_under_any_http_status(self, status: int) -> None:
        answer = read('{"status":"ERROR","error":"NO_CREDITS"}', status)
        assert answer == Failure("NO_CREDITS", "Your balance is insufficient")

    @pytest.mark.parametrize(
        ("error", "expected"),
        [
            ('"DAILY_LIMIT"', Failure("DAILY_LIMIT")),
            ('["NO_CREDITS"]', Failure("NO_CREDITS", "Your balance is insufficient")),
            (
                '["MISSING_COMPULSORY_PARAM", "INCORRECT_USER_PASSWORD"]',
                Failure(
                    "INCORRECT_USER_PASSWORD",
                    "Incorrect user or password; MISSING_COMPULSORY_PARAM: Compulsory parameter"
                    " not included",
                ),
            ),
            ('["ODD_ONE", "wait a day"]', Failure("ODD_ONE", "wait a day")),
            ('"Your account is locked"', Failure("ERROR", "Your account is locked")),
            ('" NO_CREDITS "', Failure("NO_CREDITS", "Your balance is insufficient")),
        ],
    )
    def test_of_any_form(self, error: str, expected: Failure) -> None:
        assert read(f'{{"status":"error","error":{error}}}') == expected

    def test_that_no_document_has_keeps_what_is_said_beside_it(self) -> None:
        body = '{"status":"error","error":"DAILY_LIMIT","message":"200 a day"}'
        assert read(body) == Failure("DAILY_LIMIT", body)
        assert read(body.replace("DAILY_LIMIT", "NO_CREDITS")) == Failure(
            "NO_CREDITS", "Your balance is insufficient"
        )

    @pytest.mark.parametrize("error", ['""', "[]", "null", "17", '{"code":17}', "[[]]"])
    def test_without_a_code_keeps_the_words(self, error: str) -> None:
        body = f'{{"status":"error","error":{error},"message":"so what"}}'
        assert read(body) == Failure("ERROR", f"no code was given: {body}")
        assert read(body, 404) == Failure(
            "HTTP_404", f"HTTP 404 Not Found: no code was given: {body}"
        )

    @pytest.mark.parametrize(
        "error", ['"DAILY_LIMIT"', '"upstream timed out"', '["timeout"]', "null", "504"]
    )
    @pytest.mark.parametrize("status", [408, 429, 500, 502, 504])
    def test_that_a_gateway_may_have_written_is_no_refusal(self, error: str, status: int) -> None:
        answer = read(f'{{"status":"error","error":{error},"message":"34600000001"}}', status)
        assert isinstance(answer, NoAnswer)
        assert answer.sent is (status != 429)
        assert answer.reason.startswith(f"HTTP {status} ")
        assert "34600000001" not in answer.reason

    def test_without_anything(self) -> None:
        answer = read('{"status":"error"}', 401)
        assert isinstance(answer, Failure)
        assert answer.code == "HTTP_401"
        assert stops_account(answer.code)

    def test_is_kept_short(self) -> None:
        answer = read(json.dumps({"status": "error", "error": ["x y" * 10_000] * 1000}))
        assert isinstance(answer, Failure)
        assert len(answer.text) < 20_000


NO_JSON = "the answer is no JSON that can be read"
NO_OBJECT = "the answer is JSON, but no object"
NEITHER = "the answer's status is neither success nor error"
UNREADABLE = [
    ("", "the answer is empty"),
    (" \n", "the answer is empty"),
    ("\ufeff", NO_JSON),
    (
        "<html><head><title>\nService&nbsp;<b>down</b> 34600000001</title></head>Much</html>",
        "the answer is HTML: Service down …",
    ),
    ("<br /><b>Warning</b>: to 34600000001", "the answer is HTML"),
    ('{"status":"success","result":{"mess', f"{NO_JSON} (35 characters)"),
    ('{"status":"success"} trailing', f"{NO_JSON} (29 characters)"),
    ('"no end', f"{NO_JSON} (7 characters)"),
    ('["success"]', NO_OBJECT),
    ("12", NO_OBJECT),
    ("OK", f"{NO_JSON}: OK"),
    ("Sent to 34600000001", f"{NO_JSON}: Sent to …"),
    ("{}", NEITHER),
    ('{"status":"queued"}', NEITHER),
    ('{"status":true}', NEITHER),
    ('{"error":"NO_CREDITS"}', NEITHER),
]


def told(body: str, why: str) -> str:
    """What a refusal says of an answer: of an object all of it, whatever it is."""
    return f"{why}: {body}" if why == NEITHER else why


@pytest.mark.parametrize(("body", "why"), UNREADABLE)
@pytest.mark.parametrize("status", [200, 500, 502, 503, 504, 302, 408, 999])
def test_what_cannot_be_read_may_have_been_done(body: str, why: str, status: int) -> None:
    answer = read(body, status, "text/html")

    assert isinstance(answer, NoAnswer)
    assert answer.sent
    assert answer.reason.startswith(f"HTTP {status}")
    assert answer.reason.endswith(f": {why}")


@pytest.mark.parametrize(("body", "why"), UNREADABLE)
@pytest.mark.parametrize(
    ("status", "says"),
    [
        (401, "check the account's credentials"),
        (403, "whether this machine's IP is allowed"),
        (407, "check the account's credentials"),
        (400, ""),
        (413, ""),
        (422, ""),
    ],
)
def test_what_http_refuses_was_not_done(body: str, why: str, status: int, says: str) -> None:
    answer = read(body, status, "text/html")

    assert isinstance(answer, Failure)
    assert answer.code == f"HTTP_{status}"
    assert answer.text.startswith(f"HTTP {status} ")
    assert says in answer.text
    assert answer.text.endswith(told(body, why))
    assert stops_account(answer.code) is (says != "")


@pytest.mark.parametrize(("body", "why"), UNREADABLE)
@pytest.mark.parametrize("status", [301, 307, 308, 404, 405, 410])
def test_a_url_that_is_not_the_apis_stops_the_account(body: str, why: str, status: int) -> None:
    answer = read(body, status, "text/html")

    assert isinstance(answer, Failure)
    assert answer.text.startswith(f"HTTP {status} ")
    if status >= 400 and why == NEITHER:
        assert answer.text.endswith(told(body, why))
        # The API may say so of one thing that is asked for.
        assert answer.code == f"HTTP_{status}"
        assert not stops_account(answer.code)
    else:
        assert answer.code == "WRONG_URL"
        assert why in answer.text
        assert "the account's url is" in answer.text
        assert stops_account(answer.code)


def test_what_is_put_off_goes_again() -> None:
    assert read("", 429) == NoAnswer(
        "HTTP 429 Too Many Requests: the provider wants fewer requests", sent=False
    )


def test_reasons_quote_little_and_nothing_unprintable() -> None:
    answer = read("\x1b[2J" + "x" * 100_000)
    assert isinstance(answer, NoAnswer)
    assert answer.reason.isprintable()
    assert len(answer.reason) < 250


@pytest.mark.parametrize(
    "body",
    ['{"status":"success","result":' + "[" * 200_000, "[" * 200_000, '{"a":' * 200_000],
    ids=["result", "list", "object"],
)
def test_deep_nesting_is_no_answer(body: str) -> None:
    assert isinstance(read(body), NoAnswer)


@pytest.mark.parametrize("value", ["[],", '{"a":1},', "[[[[]]]],", '"a",', "1,"])
def test_more_values_than_any_list_has_are_no_answer(value: str) -> None:
    """Sixteen mebibytes of brackets would take seconds and hundreds of mebibytes, while nothing else goes."""
    many = value * ((16 << 20) // len(value) - 8)
    tracemalloc.start()
    answer = read(f'{{"status":"success","result":[{many}0]}}')
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert isinstance(answer, NoAnswer)
    assert answer.sent
    assert "holds more values than are read" in answer.reason
    assert peak < 80 << 20


def test_a_list_of_a_hundred_thousand_contacts_is_read() -> None:
    contacts = ",".join(['{"id":"1","mobile":"34600000001","name":"Ana"}'] * 100_000)
    assert isinstance(read(f'{{"status":"success","result":[{contacts}]}}'), Success)


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.binary(max_size=60), st.integers(100, 999), st.text(max_size=20))
@example(b'{"status":"\\ud800"}', 200, "")
@example(b'{"status":"success","result":"\\ud800"}', 200, "")
@example(b'{"status":"success","result":01}', 200, "")
@example(b'{"status":"error","error":"\\ud800"}', 200, "")
def test_anything_at_all_is_a_value(body: bytes, status: int, content_type: str) -> None:
    answer = read_answer(SEND, status, content_type, body)

    if isinstance(answer, Success):
        json.loads(answer.result)
    elif isinstance(answer, Failure):
        assert answer.code
    else:
        assert answer.reason


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(max_size=9),
        lambda each: (
            st.lists(each, max_size=3) | st.dictionaries(st.text(max_size=4), each, max_size=3)
        ),
        max_leaves=5,
    )
)
def test_any_result_comes_through(result: object) -> None:
    body = json.dumps({"status": "SUCCESS", "result": result}).encode()

    answer = read_answer(SEND, 200, "application/json", body)

    assert isinstance(answer, Success)
    assert json.loads(answer.result) == result
