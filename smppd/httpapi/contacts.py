"""The client of the second API, of contacts: its own URL, its own token, JSON both ways.

It shares no credentials, connections or ids with the first API, whose provider is another.
"""

from __future__ import annotations

import json
from collections.abc import Mapping

import httpx2

from smppd.config.accounts import ContactsConfig
from smppd.httpapi.access import Access
from smppd.provider.answers import Answer
from smppd.provider.operation import Api, Operation, Value

#: Where its operations are, below the account's URL.
_PATH = "/api/contact/"


class ContactsClient:
    """One access to the second API. `transport` is for tests."""

    def __init__(
        self, config: ContactsConfig, token: str, transport: httpx2.AsyncBaseTransport | None = None
    ) -> None:
        """Raise ValueError for a URL that would give the token away."""
        self._url = config.url.rstrip("/") + _PATH
        self._access = Access(config, transport)
        self.renew(token)

    def renew(self, secret: str) -> None:
        """Use this token from the next call on."""
        self._headers = {"Content-Type": "application/json", "Authorization": f"Bearer {secret}"}
        self._access.hide([secret])

    async def call(self, operation: Operation, params: Mapping[str, Value]) -> Answer:
        """Do this once, with parameters that `checking.check` has let through.

        Raises ValueError for an operation of the other API: its provider is another.
        """
        if operation.api is not Api.CONTACTS:
            raise ValueError(f"{operation.name} is not of this API")
        url, body = self._url + operation.method, json.dumps(dict(params), ensure_ascii=False)
        return await self._access.post(operation, url, self._headers, body.encode())

    async def aclose(self) -> None:
        """Close every connection."""
        await self._access.aclose()
