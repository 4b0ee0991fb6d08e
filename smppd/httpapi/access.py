"""What the clients of both APIs have in common: a way to the provider, and secrets that no answer keeps."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import partial
from typing import TYPE_CHECKING

from smppd.config import AccountConfig, account_tls
from smppd.exchange import Exchange, Limits, check_url
from smppd.httpapi.secrets import Secrets
from smppd.provider.answers import Answer, NoAnswer, read_answer
from smppd.provider.operation import Operation

if TYPE_CHECKING:
    from smppd.httpapi.transport import Transport


class Access:
    """One account's way to its provider. `transport` is for tests."""

    def __init__(self, config: AccountConfig, transport: Transport | None) -> None:
        """Raise ValueError for a URL that would give the account's secrets away."""
        check_url(config.url, insecure_http=config.insecure_http)
        limits = Limits(config.timeout, config.connections)
        self._exchange = Exchange(limits, partial(account_tls, config), transport)
        self._secrets = Secrets(())

    def hide(self, secrets: Iterable[str]) -> None:
        """Keep these out of the answers to the calls that begin from now on."""
        self._secrets = Secrets(secrets)

    async def post(
        self, operation: Operation, url: str, headers: Mapping[str, str], body: bytes
    ) -> Answer:
        """Send this once, and say what came of it."""
        secrets = self._secrets  # those of this call, whatever is renewed meanwhile
        reply = await self._exchange.post(url, headers, body)
        if isinstance(reply, NoAnswer):
            return reply
        return secrets.hide(operation, reply, read_answer(operation, *reply))

    async def aclose(self) -> None:
        """Close every connection."""
        await self._exchange.aclose()
