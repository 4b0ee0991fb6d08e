"""What comes back from a call, as values, and what may be read from it. Pure; raises nothing."""

from __future__ import annotations

import html
import re
from http import HTTPStatus

import msgspec

from smppd.masking import LONG_NUMBER
from smppd.provider.catalogue import COMMON_ERRORS
from smppd.provider.operation import Operation

NO_CREDITS = "NO_CREDITS"
INCORRECT_USER_PASSWORD = "INCORRECT_USER_PASSWORD"  # noqa: S105 (a code of the provider's)
#: The code of a refusal for which the provider named none.
NO_CODE = "ERROR"
#: What came of a call, in place of a code: it was done, no answer came that can be read, nothing of
#: it could leave.
SUCCESS, NO_ANSWER, NOT_SENT = "SUCCESS", "NO_ANSWER", "NOT_SENT"
#: What answered is not the API.
WRONG_URL = "WRONG_URL"
#: Before the number of an HTTP status that refuses a request, where no other code does.
HTTP = "HTTP_"

#: HTTP statuses that are about the account, whoever says so: credentials, payment, this machine.
_OF_THE_ACCOUNT = frozenset({401, 402, 403, 407})
#: HTTP statuses that are about one request, whoever says so.
_OF_ONE_REQUEST = frozenset({400, 413, 414, 422, 431})
#: What no other request of the account would fare better with.
_STOPPING = (
    frozenset(COMMON_ERRORS) - {"MISSING_COMPULSORY_PARAM"}
    | {NO_CREDITS, WRONG_URL}
    | {f"{HTTP}{status}" for status in _OF_THE_ACCOUNT}
)
#: Of these nobody knows whether what was asked for has been done.
_DOUBTFUL = frozenset({302, 303, 408, 409, 425})

#: The members of an answer that the documents tell of.
_DOCUMENTED = frozenset({"status", "result", "error"})

_BOM = b"\xef\xbb\xbf"
_TITLE = re.compile(r"(?is)<title[^>]*>(.*?)</title")
_TAGS = re.compile(r"<[^>]*>")
_CHARSET = re.compile(r"(?i)charset=\"?(iso-8859-1|iso-8859-15|windows-1252)\b")
_CODE = re.compile(r"[A-Za-z][A-Za-z0-9_.-]{0,63}")
#: Characters of an answer that stand in a reason, and how far they are looked for.
_QUOTED = 120
_LOOKED_AT = 4096
#: Lists and objects, and values, of an answer that is read. There is no API whose 16 MiB hold more; read, a
#: mebibyte of brackets takes the time and memory of a hundred.
MOST_NESTED, MOST_VALUES = 200_000, 2_000_000
#: Characters of an error that are kept, and how many of a list.
_SAID = 500
_MANY = 20


class Success(msgspec.Struct, frozen=True):
    """It was done. `result` is the JSON of the answer's `result`, as it came; b"null" for none."""

    result: bytes


class Failure(msgspec.Struct, frozen=True):
    """The provider refused with this code; where it named none, HTTP did (`HTTP_403`), or what
    answered was not the API (`WRONG_URL`). `text` is what the code means or what was said."""

    code: str
    text: str = ""


class NoAnswer(msgspec.Struct, frozen=True):
    """No answer that can be read. `sent`: what was asked for may have been done; otherwise it
    surely was not (not one octet left, or the provider put the request off)."""

    reason: str
    sent: bool


Answer = Success | Failure | NoAnswer


def outcome_name(answer: Answer) -> str:
    """What came of a call, in a word: a code of the provider's, or one of ours."""
    if isinstance(answer, Success):
        return SUCCESS
    if isinstance(answer, Failure):
        return answer.code
    return NO_ANSWER if answer.sent else NOT_SENT


def meaning(operation: Operation, code: str) -> str:
    """What the documents say of an error code; nothing for one that they do not have."""
    return operation.errors.get(code) or COMMON_ERRORS.get(code, "")


def stops_account(code: str) -> bool:
    """Whether a refusal with this code is about the account (or its URL): no other request over it
    would fare better until somebody has looked."""
    return code in _STOPPING


def read_answer(operation: Operation, status_code: int, content_type: str, body: bytes) -> Answer:
    """What an HTTP response says.

    The documents tell of `status`, `result` and `error`, and of no HTTP status: an `error` counts
    under any, a `success` only where HTTP does not contradict it. An error without a documented
    code counts only where HTTP does not say of itself that something went wrong, or put it off: a
    gateway may have written that. Without either word, HTTP says whether the request was certainly
    refused (4xx and a moved URL); what is left is no answer.
    """
    envelope = _envelope(body, content_type)
    if isinstance(envelope, str):
        return _without(status_code, envelope)
    said = _decoded(envelope.get("status"))
    word = said.lower() if isinstance(said, str) else ""
    if word == "error":
        named = _failure(operation, envelope.get("error"))
        quoted = _quoted(body, content_type)
        if named is not None and not named.text and set(envelope) - _DOCUMENTED:
            # No document says what the code means; what was said beside it may.
            named = Failure(named.code, quoted)
        return _refusal(operation, status_code, named, quoted)
    if word == "success":
        if 200 <= status_code < 300:
            return Success(bytes(envelope.get("result", b"null")))
        return NoAnswer(f"{_named(status_code)}, but the answer says success", sent=True)
    return _without(
        status_code,
        "the answer's status is neither success nor error",
        _quoted(body, content_type),
    )


def _refusal(operation: Operation, status_code: int, named: Failure | None, quoted: str) -> Answer:
    """What an answer says that calls itself an error, with what it names, or nothing."""
    known = named is not None and (meaning(operation, named.code) or stops_account(named.code))
    if not known and _is_in_the_way(status_code):
        return _without(status_code, "the answer says error, and no code that is documented")
    return named or _unnamed(status_code, f"no code was given: {quoted}")


def _without(status_code: int, what: str, api_says: str = "") -> Answer:
    """An answer without the documented words; `api_says` is a JSON object all the same. That may
    hold what messages say, and only a refusal repeats it: the result of one call."""
    if status_code == HTTPStatus.TOO_MANY_REQUESTS:
        return NoAnswer(f"{_named(status_code)}: the provider wants fewer requests", sent=False)
    if _is_doubtful(status_code):
        return NoAnswer(f"{_named(status_code)}: {what}", sent=True)
    if status_code in _OF_THE_ACCOUNT | _OF_ONE_REQUEST or (api_says and status_code >= 400):
        return _unnamed(status_code, f"{what}: {api_says}" if api_says else what)
    why = "is another now, and is not followed" if status_code < 400 else "is not that of the API"
    return Failure(WRONG_URL, f"{_named(status_code)}: the account's url {why}; {what}")


def _is_doubtful(status_code: int) -> bool:
    """Whether nobody knows, by this HTTP status, if what was asked for has been done."""
    return not 300 <= status_code < 500 or status_code in _DOUBTFUL


def _is_in_the_way(status_code: int) -> bool:
    """Whether something between us and the API may have answered in its place."""
    fine = 200 <= status_code < 300
    put_off = status_code == HTTPStatus.TOO_MANY_REQUESTS
    return put_off or (_is_doubtful(status_code) and not fine)


def _unnamed(status_code: int, what: str) -> Failure:
    """A refusal for which HTTP has the only code."""
    if status_code < 400:
        return Failure(NO_CODE, what)
    advice = ""
    if status_code in _OF_THE_ACCOUNT:
        advice = "check the account's credentials, and whether this machine's IP is allowed; "
    return Failure(f"{HTTP}{status_code}", f"{_named(status_code)}: {advice}{what}")


def _failure(operation: Operation, error: msgspec.Raw | None) -> Failure | None:
    """The code that matters most of those named, and the meanings of all; None when none is."""
    value = _decoded(error)
    named = value if isinstance(value, list) else [value]
    said = [each.strip()[:_SAID] for each in named if isinstance(each, str) and each.strip()]
    if not said:
        return None
    codes = [each for each in said if _CODE.fullmatch(each)]
    code = next(filter(stops_account, codes), codes[0] if codes else NO_CODE)
    texts = [meaning(operation, code)] + [
        f"{each}: {about}" if (about := meaning(operation, each)) else each
        for each in said[:_MANY]
        if each != code
    ]
    return Failure(code, "; ".join(filter(None, texts)))


def _envelope(body: bytes, content_type: str) -> dict[str, msgspec.Raw] | str:
    """The members of the answer's object, or why it has none."""
    if not body.strip():
        return "the answer is empty"
    plain = _text(body, content_type)
    if plain.count("[") + plain.count("{") > MOST_NESTED or plain.count(",") > MOST_VALUES:
        return f"the answer ({len(plain)} characters) holds more values than are read"
    try:
        found = msgspec.json.decode(plain, type=dict[str, msgspec.Raw])
        msgspec.json.decode(found.get("result", b"null"))
    except msgspec.ValidationError:
        return "the answer is JSON, but no object"
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        return _unreadable(plain)
    return found


def _unreadable(plain: str) -> str:
    """What an answer that is no JSON looks like. What might be a part of one is not repeated."""
    start = plain.lstrip()[:_LOOKED_AT]
    if start.startswith("<"):
        title = _TITLE.search(start)
        return f"the answer is HTML{f': {_words(title[1])}' if title else ''}"
    what = "the answer is no JSON that can be read"
    if start.startswith(("{", "[", '"')):
        return f"{what} ({len(plain)} characters)"
    return f"{what}: {_words(start)}" if _words(start) else what


def _text(body: bytes, content_type: str) -> str:
    """The answer as text: UTF-8 as JSON is, else what it is said to be. One octet that is neither
    does not make an answer unreadable."""
    body = body.removeprefix(_BOM)
    try:
        return body.decode()
    except UnicodeDecodeError:
        said = _CHARSET.search(content_type)
        return body.decode(said[1] if said else "utf-8", errors="replace")


def _decoded(raw: msgspec.Raw | None) -> object:
    if raw is None:
        return None
    try:
        return msgspec.json.decode(raw)
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        return None


def _named(status_code: int) -> str:
    try:
        return f"HTTP {status_code} {HTTPStatus(status_code).phrase}"
    except ValueError:
        return f"HTTP {status_code}"


def _quoted(body: bytes, content_type: str) -> str:
    """The beginning of an answer."""
    return _shown(_text(body[:_LOOKED_AT], content_type))


def _words(plain: str) -> str:
    """The beginning of a page or text for people, without numbers that may be somebody's."""
    return _shown(LONG_NUMBER.sub("…", html.unescape(_TAGS.sub(" ", plain))))


def _shown(plain: str) -> str:
    shown = "".join(each if each.isprintable() else "?" for each in " ".join(plain.split()))
    return f"{shown[:_QUOTED]}…" if len(shown) > _QUOTED else shown
