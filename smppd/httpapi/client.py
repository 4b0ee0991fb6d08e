"""The client of the provider's first API: one operation, one POST of a form, one value.

POST over https by default; user and password among the parameters, or as HTTP Basic. They never
stand in a URL, an exception or a representation. GET, which the documents offer as well, is not
used: it would leave the password in the log of every server on the way.
"""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Mapping
from urllib.parse import urlencode

import httpx2

from smppd.config.accounts import HttpConfig
from smppd.httpapi.access import Access
from smppd.provider.answers import Answer
from smppd.provider.operation import Api, Operation, Value


class ProviderClient:
    """One access to the first API. `transport` is for tests."""

    def __init__(
        self, config: HttpConfig, password: str, transport: httpx2.AsyncBaseTransport | None = None
    ) -> None:
        """Raise ValueError for a URL that would give the password away."""
        self._url = config.url
        self._config = config
        self._access = Access(config, transport)
        self.renew(password)

    def renew(self, secret: str) -> None:
        """Use this password from the next call on."""
        self._headers = {"Content-Type": "application/x-www-form-urlencoded"}
        self._credentials: dict[str, str] = {}
        secrets = [secret]
        if self._config.auth == "basic":
            pair = b64encode(f"{self._config.user}:{secret}".encode()).decode("ascii")
            self._headers["Authorization"] = f"Basic {pair}"
            secrets.append(pair)
        else:
            self._credentials = {"user": self._config.user, "password": secret}
        self._access.hide(secrets)

    async def call(self, operation: Operation, params: Mapping[str, Value]) -> Answer:
        """Do this once, with parameters that `checking.check` has let through.

        Raises ValueError for an operation of the other API: its provider is another.
        """
        if operation.api is not Api.PROVIDER:
            raise ValueError(f"{operation.name} is not of this API")
        form = {"class": operation.class_, "method": operation.method}
        form |= self._credentials
        form |= {name: str(value) for name, value in params.items() if name not in form}
        body = urlencode(form).encode("ascii")
        return await self._access.post(operation, self._url, self._headers, body)

    async def aclose(self) -> None:
        """Close every connection."""
        await self._access.aclose()
