"""The second API: contacts in address books, under a token of its own.

Its documents have no error, so those here are made up: a status of HTTP that says it, and a
message. Ids are taken in the type that each call documents, and in no other. Raises nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from http import HTTPStatus
from typing import NamedTuple

from smppd.provider.catalogue import OPERATIONS
from smppd.provider.operation import Api, Kind
from smppd.simulate.provider.script import Http

Given = Mapping[str, object]

_BOOK = "group_id"
_FIELDS = tuple(
    param.name for param in OPERATIONS["contacts.new"].params if param.kind is not Kind.WHOLE
)


class Failed(NamedTuple):
    """It was not done."""

    status: HTTPStatus
    message: str


_UNKNOWN = Failed(HTTPStatus.NOT_FOUND, "no such contact")


class Contacts:
    """Every contact by its id, over all address books."""

    def __init__(self, http: Http) -> None:
        self._token = http.token
        self._books = frozenset(http.books)
        self._contacts: dict[int, dict[str, object]] = {}
        self._last = 0
        self._operations: Mapping[str, Callable[[Given], object]] = {
            "contacts.new": self._new,
            "contacts.detail": self._detail,
            "contacts.edit": self._edit,
            "contacts.delete": self._delete,
        }

    def do(self, operation: str, token: str, given: Given | None) -> object:
        """The `result` of an operation of the catalogue, or a Failed."""
        if not token or (self._token and token != self._token):
            return Failed(HTTPStatus.UNAUTHORIZED, "the token is not valid")
        if given is None:
            return Failed(HTTPStatus.BAD_REQUEST, "the body is no JSON object")
        mistake = _mistake(operation, given)
        return (
            Failed(HTTPStatus.BAD_REQUEST, mistake)
            if mistake
            else self._operations[operation](given)
        )

    def _new(self, given: Given) -> object:
        if not self._has_book(given[_BOOK]):
            return Failed(HTTPStatus.NOT_FOUND, "no such address book")
        self._last += 1
        contact = {name: given.get(name, "") for name in _FIELDS}
        self._contacts[self._last] = {"id": self._last, **contact, _BOOK: given[_BOOK]}
        return {"id": self._last}

    def _detail(self, given: Given) -> object:
        contact = self._find(given)
        if contact is None:
            return _UNKNOWN
        return {"contact": {name: value for name, value in contact.items() if name != _BOOK}}

    def _edit(self, given: Given) -> object:
        contact = self._find(given)
        if contact is None:
            return _UNKNOWN
        if _BOOK in given and not self._has_book(given[_BOOK]):
            return Failed(HTTPStatus.NOT_FOUND, "no such address book")
        contact |= {name: given[name] for name in (*_FIELDS, _BOOK) if name in given}
        return {"id": contact["id"]}

    def _delete(self, given: Given) -> object:
        contact = self._find(given)
        if contact is None:
            return _UNKNOWN
        del self._contacts[_number(given)]
        return {"id": contact["id"]}

    def _find(self, given: Given) -> dict[str, object] | None:
        return self._contacts.get(_number(given))

    def _has_book(self, number: object) -> bool:
        return not self._books or number in self._books


def operation_at(path: str) -> str | None:
    """The operation of the second API at this path."""
    name = f"contacts.{path.rstrip('/').rpartition('/')[2]}"
    is_there = "/api/contact/" in path and name in OPERATIONS
    return name if is_there and OPERATIONS[name].api is Api.CONTACTS else None


def _number(given: Given) -> int:
    written = str(given["id"])
    return int(written) if written.isascii() and written.isdigit() and len(written) < 20 else 0


def _mistake(operation: str, given: Given) -> str:
    """What is wrong with a parameter; nothing where nothing is."""
    for param in OPERATIONS[operation].params:
        value = given.get(param.name)
        if value is None:
            if param.required:
                return f"{param.name} is missing"
            continue
        if type(value) is not (int if param.kind is Kind.WHOLE else str):
            wanted = "an integer" if param.kind is Kind.WHOLE else "a string"
            return f"{param.name} must be {wanted}"
    return ""
