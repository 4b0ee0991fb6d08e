"""The simulated provider behind an httpx2 transport: no socket, and whatever clock trio has.

    transport = simulated(http={"fault": [{"what": "lost", "op": "sms.*", "every": 10}]})
    client = ProviderClient(config, "secret", transport)
    …
    assert transport.tally.calls["sms.sendsms"].done == 9

The sections are those of a script of `smppd simulate`.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from typing import Any

import httpx2
import trio

from smppd.simulate.common import Common
from smppd.simulate.provider.core import Provider
from smppd.simulate.provider.wire import Leaving, Request, Response
from smppd.simulate.reading import make_script
from smppd.simulate.tally import Calls, Tally

#: A Friday in July 2026, noon in Madrid.
NOON = 1_784_282_400.0


class SimulatedTransport(httpx2.AsyncBaseTransport):
    """Carries requests to a provider. `requests` are those that arrived, oldest first; `up` says
    whether there is anyone to connect to."""

    def __init__(self, provider: Provider) -> None:
        self.provider = provider
        self.requests: list[Request] = []
        self.up = True
        self.closed = False

    @property
    def tally(self) -> Tally:
        """What the provider saw and did."""
        return self.provider.tally

    def calls(self, operation: str) -> Calls:
        """What became of the calls of one operation."""
        return self.tally.calls.get(operation, Calls())

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        """See httpx2: waits and fails as a connection would, within the timeouts of the request."""
        if not self.up:
            raise httpx2.ConnectError("connection refused", request=request)
        arrived = Request(
            request.method,
            request.url.raw_path.decode("ascii"),
            {name.lower(): value for name, value in request.headers.items()},
            await request.aread(),
        )
        self.requests.append(arrived)
        answer = self.provider.handle(arrived, trio.current_time())
        patience = request.extensions.get("timeout", {}).get("read") or float("inf")
        with trio.move_on_after(patience):
            await trio.sleep(answer.delay)
            if answer.leaving is Leaving.CLOSED:
                raise httpx2.RemoteProtocolError("the peer closed the connection", request=request)
            if answer.leaving is not Leaving.HANGING:
                return _response(answer, request)
            await trio.sleep_forever()
        raise httpx2.ReadTimeout("no answer", request=request)

    async def aclose(self) -> None:
        """See httpx2."""
        self.closed = True


class _Body(httpx2.AsyncByteStream):
    def __init__(self, answer: Response) -> None:
        self._answer = answer

    async def __aiter__(self) -> AsyncIterator[bytes]:
        body = self._answer.body
        if self._answer.leaving is Leaving.CUT:
            yield body[: len(body) // 2]
            raise httpx2.RemoteProtocolError("the peer closed the connection within a body")
        if self._answer.leaving is Leaving.SLOW:
            for octet in body:
                await trio.sleep(self._answer.seconds / len(body))
                yield bytes((octet,))
        else:
            yield body


def _response(answer: Response, request: httpx2.Request) -> httpx2.Response:
    headers = {
        "content-type": answer.content_type,
        "content-length": str(len(answer.body)),
        **dict(answer.headers),
    }
    return httpx2.Response(
        int(answer.status), headers=headers, stream=_Body(answer), request=request
    )


def simulated(
    wall_clock: Callable[[], float] = lambda: NOON, **sections: Any
) -> SimulatedTransport:
    """A transport to a provider with this script."""
    script = make_script(sections, "test")
    return SimulatedTransport(Provider(script, Common(script, wall_clock)))
