"""`received/new/`: messages from handsets, one JSON file each, whole and synced or not there."""

from __future__ import annotations

import itertools
import os
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import Any

import msgspec
import trio

from smppd.placing import fsync_folder, write_whole
from smppd.results.lines import iso
from smppd.smpp.pdu import DataSm, DeliverSm
from smppd.smpp.text import decode_text
from smppd.smpp.vocabulary import EsmClass


class Received(msgspec.Struct):
    """A message from a handset. `data` are the octets in hex, UDH and all; `text` is read from
    them as data_coding says."""

    link: str
    received: str | None
    source: str
    destination: str
    text: str
    data: str
    data_coding: int
    esm_class: int


class Mailbox:
    """Writes messages from handsets; a `ports.Mailbox`."""

    def __init__(
        self,
        root: Path,
        wall: Callable[[], float],
        run_sync: Callable[..., Awaitable[Any]] = trio.to_thread.run_sync,
    ) -> None:
        self._folder = root / "received" / "new"
        self._wall = wall
        self._run_sync = run_sync
        self._count = itertools.count(1)

    async def keep(self, link: str, messages: Sequence[DeliverSm | DataSm]) -> None:
        """Return when they are on disk."""
        await self._run_sync(self._write, link, messages)

    def _write(self, link: str, messages: Sequence[DeliverSm | DataSm]) -> None:
        for message in messages:
            now = self._wall()
            octets = message.message_octets
            has_header = bool(message.esm_class & EsmClass.UDHI)
            received = Received(
                link,
                iso(now),
                message.source_addr,
                message.destination_addr,
                decode_text(octets, message.data_coding, has_header),
                octets.hex(),
                message.data_coding,
                message.esm_class,
            )
            name = f"{int(now * 1000):013d}-{os.getpid()}-{next(self._count):06d}.json"
            write_whole(self._folder / name, msgspec.json.encode(received) + b"\n")
        fsync_folder(self._folder)
