"""`smppd simulate`: the simulated SMSC, and the provider beside it, until SIGTERM or SIGINT.

Prints through a callable that it is given. ScriptError comes from `script_from_arguments`;
OSError from `main` when the address cannot be had or the tally not written.
"""

from __future__ import annotations

import signal
from collections.abc import AsyncIterator, Callable

import trio

from smppd.simulate.common import Common
from smppd.simulate.provider.core import Provider
from smppd.simulate.provider.serving import HttpServer
from smppd.simulate.reading import ScriptError, add_arguments, script_from_arguments
from smppd.simulate.script import Script
from smppd.simulate.smsc import Smsc

__all__ = ["ScriptError", "add_arguments", "main", "script_from_arguments"]


async def main(script: Script, say: Callable[[str], None]) -> None:
    """Serve until a signal says stop; SIGUSR1 writes the tally.

    `say` gets "listening on HOST:PORT" once that is true, and then the URL of the HTTP APIs where
    they are served; it should flush.
    """
    common = Common(script)
    smsc = Smsc(script, common=common)
    smsc.write_tally()
    host, port = await smsc.listen()
    server = HttpServer(script.http, Provider(script, common)) if script.http.listen else None
    url = await server.listen() if server else ""
    with trio.open_signal_receiver(signal.SIGTERM, signal.SIGINT, signal.SIGUSR1) as signals:
        async with trio.open_nursery() as nursery:
            await nursery.start(smsc.serve)
            if server is not None:
                await nursery.start(server.serve)
            say(f"listening on {_bracketed(host)}:{port}")
            if url:
                say(f"HTTP APIs: {url} and {url.replace('/api/http/', '/api/contact/')}")
            await _wait_for_the_end(smsc, signals)
            nursery.cancel_scope.cancel()


async def _wait_for_the_end(smsc: Smsc, signals: AsyncIterator[int]) -> None:
    async for number in signals:
        if number != signal.SIGUSR1:
            return
        smsc.write_tally()


def _bracketed(host: str) -> str:
    return f"[{host}]" if ":" in host else host
