"""The client of the second API, of contacts: its own URL, its own token, JSON both ways.

It shares no credentials, connections or ids with the first API, whose provider is another.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import partial

import httpx2

from smppd.config.accounts import ContactsConfig
from smppd.config.tls import account_tls
from smppd.httpapi.exchange import Exchange, Limits, check_url
from smppd.httpapi.secrets import Secrets
from smppd.provider.answers import Answer, NoAnswer, read_answer
from smppd.provider.operation import Api, Operation, Value

#: Where its operations are, below the account's URL.
_PATH = "/api/contact/"


class ContactsClient:
    """One access to the second API. `transport` is for tests."""

    def __init__(
        self, config: ContactsConfig, token: str, transport: httpx2.AsyncBaseTransport | None = None
    ) -> None:
        """Raise ValueError for a URL that would give the token away."""
        check_url(config.url, insecure_http=config.insecure_http)
        self._exchange = Exchange(
            config.url.rstrip("/") + _PATH,
            Limits(config.timeout, config.connections),
            partial(account_tls, config),
            transport,
        )
        self._headers = {"Content-Type": "application/json", "Authorization": f"Bearer {token}"}
        self._secrets = Secrets([token])

    async def call(self, operation: Operation, params: Mapping[str, Value]) -> Answer:
        """Do this once, with parameters that `checking.check` has let through.

        Raises ValueError for an operation of the other API: its provider is another.
        """
        if operation.api is not Api.CONTACTS:
            raise ValueError(f"{operation.name} is not of this API")
        reply = await self._exchange.post(
            self._exchange.url + operation.method,
            self._headers,
            json.dumps(dict(params), ensure_ascii=False).encode(),
        )
        if isinstance(reply, NoAnswer):
            return reply
        return self._secrets.hide(operation, reply, read_answer(operation, *reply))

    async def aclose(self) -> None:
        """Close every connection."""
        await self._exchange.aclose()
