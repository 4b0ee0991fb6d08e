"""What a simulated SMSC saw and did, in plain numbers, and as a file for whoever asks.

The tally is how a test proves that nothing was lost and nothing submitted twice. Knows no
sessions. `write` raises OSError.
"""

from __future__ import annotations

from pathlib import Path

import msgspec

from smppd.smpp.pdu import DataSm, SubmitSm
from smppd.smpp.vocabulary import status_name

#: So many remarks on the ESME are kept word for word; all are counted.
REMARKS_KEPT = 100


class Deliveries(msgspec.Struct):
    """What became of receipts, or of messages from handsets."""

    made: int = 0
    sent: int = 0
    acknowledged: int = 0
    refused: int = 0
    #: Sent once more: no answer, the connection ended, or the ESME could not take it just then.
    again: int = 0


class Calls(msgspec.Struct):
    """What became of the calls of one operation of the HTTP APIs. `done` and `refused` by error
    say what the provider did; `faults`, by trouble, what it did to the answers."""

    arrived: int = 0
    done: int = 0
    refused: dict[str, int] = msgspec.field(default_factory=dict)
    faults: dict[str, int] = msgspec.field(default_factory=dict)


class Summary(msgspec.Struct, kw_only=True):
    """The tally as it is written: `accepted` of SMPP, `over_http` of HTTP, and `messages`, of both,
    which maps "DESTINATION HEX" to how often it was taken."""

    connections: int
    binds: int
    bind_refusals: int
    unbinds: int
    connections_dropped: int
    connections_deaf: int
    submits: int
    answers: dict[str, int]
    accepted: int
    over_http: int
    swallowed: int
    queries: int
    cancelled: int
    different: int
    taken_twice: int
    receipts: Deliveries
    mo: Deliveries
    calls: dict[str, Calls]
    oddities: int
    remarks: list[str]
    writes: int
    messages: dict[str, int]


class Tally:
    """Counts since the SMSC began. `messages` counts what was taken, answered or not, by
    destination and octets, whether over SMPP or HTTP; beyond `remember` different ones no new ones
    are added. `calls` are those of the HTTP APIs, by operation."""

    def __init__(self, remember: int) -> None:
        self.connections = 0
        self.binds = 0
        self.bind_refusals = 0
        self.unbinds = 0
        self.connections_dropped = 0
        self.connections_deaf = 0
        self.submits = 0
        self.accepted = 0
        self.over_http = 0
        self.swallowed = 0
        self.queries = 0
        self.cancelled = 0
        self.oddities = 0
        self.remarks: list[str] = []
        self.answers: dict[int, int] = {}
        self.receipts = Deliveries()
        self.mo = Deliveries()
        self.calls: dict[str, Calls] = {}
        self.messages: dict[tuple[str, bytes], int] = {}
        self._remember = remember
        self._writes = 0

    def take(self, pdu: SubmitSm | DataSm) -> None:
        """A message was taken."""
        self.accepted += 1
        self._count(pdu.destination_addr, pdu.message_octets)

    def take_over_http(self, destination: str, octets: bytes) -> None:
        """An SMS or a chat message was taken over HTTP."""
        self.over_http += 1
        self._count(destination, octets)

    def _count(self, destination: str, octets: bytes) -> None:
        key = (destination, octets)
        messages = self.messages
        if key in messages:
            messages[key] += 1
        elif len(messages) < self._remember:
            messages[key] = 1

    def calls_of(self, operation: str) -> Calls:
        """The counts of one operation of the HTTP APIs."""
        return self.calls.setdefault(operation, Calls())

    def remark(self, what: str) -> None:
        """The ESME did something peculiar."""
        self.oddities += 1
        if len(self.remarks) < REMARKS_KEPT:
            self.remarks.append(what)

    def taken_twice(self) -> dict[tuple[str, bytes], int]:
        """The messages taken more than once, and how often."""
        return {key: count for key, count in self.messages.items() if count > 1}

    def summary(self) -> Summary:
        """Everything at this moment, ready to be written."""
        return Summary(
            connections=self.connections,
            binds=self.binds,
            bind_refusals=self.bind_refusals,
            unbinds=self.unbinds,
            connections_dropped=self.connections_dropped,
            connections_deaf=self.connections_deaf,
            submits=self.submits,
            answers={status_name(status): count for status, count in self.answers.items()},
            accepted=self.accepted,
            over_http=self.over_http,
            swallowed=self.swallowed,
            queries=self.queries,
            cancelled=self.cancelled,
            different=len(self.messages),
            taken_twice=len(self.taken_twice()),
            receipts=self.receipts,
            mo=self.mo,
            calls=self.calls,
            oddities=self.oddities,
            remarks=self.remarks,
            writes=self._writes,
            messages={f"{to} {octets.hex()}": n for (to, octets), n in self.messages.items()},
        )

    def write(self, path: Path | str) -> None:
        """Put the summary there as JSON, at once whole. `writes` in it tells one from the last."""
        self._writes += 1
        target = Path(path)
        draft = target.with_name(target.name + ".part")
        draft.write_bytes(msgspec.json.encode(self.summary()))
        draft.replace(target)
