"""Calls to a simulated provider without a connection."""

from __future__ import annotations

import base64
from typing import Any
from urllib.parse import urlencode

import msgspec

from smppd.simulate.common import Common
from smppd.simulate.provider.core import Provider
from smppd.simulate.provider.wire import Request, Response
from smppd.simulate.reading import make_script

#: A Friday in July 2026, noon in Madrid.
NOON = 1_784_282_400.0
FORM = "application/x-www-form-urlencoded"
USER = {"user": "me@example.net", "password": "secret"}


class Caller:
    """One who calls. `now` is when; the sections are those of a script."""

    def __init__(self, **sections: Any) -> None:
        script = make_script(sections, "test")
        self.common = Common(script, lambda: NOON + self.now)
        self.provider = Provider(script, self.common)
        self.now = 0.0

    def send(self, request: Request) -> Response:
        """The answer as it leaves."""
        return self.provider.handle(request, self.now)

    def post(self, params: dict[str, str]) -> dict[str, Any]:
        """The answer to these parameters, with nothing added."""
        return read(self.send(form(params)))

    def call(self, operation: str, **params: str) -> dict[str, Any]:
        """The answer to an operation. `from_` stands for `from`."""
        class_, _, method = operation.partition(".")
        own = {name.removesuffix("_"): value for name, value in params.items()}
        return self.post({"class": class_, "method": method, **USER, **own})

    def do(self, operation: str, **params: str) -> Any:
        """The result of an operation that succeeds."""
        answer = self.call(operation, **params)
        assert answer["status"] == "SUCCESS", answer
        return answer["result"]

    def refused(self, operation: str, **params: str) -> str:
        """The error of an operation that does not."""
        answer = self.call(operation, **params)
        assert answer["status"] == "ERROR", answer
        return str(answer["error"])

    def contact(self, operation: str, token: str = "token", **given: Any) -> tuple[int, Any]:
        """Status and answer of the second API."""
        headers = {"authorization": f"Bearer {token}", "content-type": "application/json"}
        body = msgspec.json.encode(given)
        answer = self.send(Request("POST", f"/api/contact/{operation}", headers, body))
        return int(answer.status), msgspec.json.decode(answer.body)


def form(params: dict[str, str]) -> Request:
    """These parameters as a form."""
    body = urlencode(params, errors="replace").encode()
    return Request("POST", "/api/http/", {"content-type": FORM}, body)


def read(answer: Response) -> dict[str, Any]:
    """The JSON of an answer."""
    return msgspec.json.decode(answer.body, type=dict[str, Any])


def basic(user: str, password: str) -> str:
    """A header of HTTP Basic."""
    return "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()
