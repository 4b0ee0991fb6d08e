"""An SMSC made with the PyPI package `smpp.twisted3`, which shares no code with the daemon.

`python twisted_smsc.py RECORD PATIENT`

Prints "listening on HOST:PORT". What it saw, in the words of its own decoder, it writes to the
file RECORD at SIGTERM. Answers come in lots and in reverse order, ids in several shapes, receipts
in several forms, every tenth before its answer. The receipts of messages to the number PATIENT
wait until the ESME has sent an enquire_link.

The package is strict: what it cannot decode, or encode again, ends the connection.
"""
# mypy: disable-error-code="import-untyped, import-not-found"

from __future__ import annotations

import json
import logging
import sys
import time
import uuid
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from smpp.pdu.gsm_types import InformationElementIdentifier
from smpp.pdu.operations import DeliverSM, EnquireLink
from smpp.pdu.pdu_encoding import (
    CommandStatusEncoder,
    DataCodingEncoder,
    EsmClassEncoder,
    RegisteredDeliveryEncoder,
)
from smpp.pdu.pdu_types import (
    CommandStatus,
    DataCoding,
    DataCodingDefault,
    EsmClass,
    EsmClassMode,
    EsmClassType,
    MessageState,
)
from smpp.pdu.sm_encoding import SMStringEncoder
from smpp.twisted.config import SMPPServerConfig
from smpp.twisted.protocol import DataHandlerResponse, SMPPServerProtocol
from smpp.twisted.server import SMPPServerFactory
from twisted.cred.error import UnauthorizedLogin
from twisted.internet import defer
from twisted.internet import reactor as installed_reactor

#: Which class it is of shows only when it is installed.
reactor: Any = installed_reactor

#: So many submits are answered together; fewer when no more come for a while.
LOT = 20
LOT_PATIENCE = 0.02
ENQUIRE_EVERY = 100

LATIN_1, UCS2 = 3, 8

SYSTEMS = {"peer": {"max_bindings": 2}}


def message_id(n: int) -> str:
    shapes = (str(uuid.uuid4()), f"{700000000 + n:012d}", f"{0xABCD000000 + n:X}", f"mt.{n}-Q/z")
    return shapes[n % len(shapes)]


class Centre:
    """The SMSC behind its connections."""

    def __init__(self, patient: str) -> None:
        self.patient = patient
        self.inquired = False
        self.submits: list[dict[str, Any]] = []
        self.receipt_answers: Counter[str] = Counter()
        self.counts: Counter[str] = Counter()
        self.binds: list[dict[str, Any]] = []
        self.complaints: list[str] = []
        self._first_submit = self._last_answer = 0.0
        self._lot: list[tuple[Any, Any, dict[str, Any], int]] = []
        self._timer: Any = None
        self._patient_receipts: list[tuple[Any, Any]] = []

    def record(self) -> dict[str, Any]:
        counted = {name: self.counts[name] for name in (
            "most_in_flight", "receipts", "enquire_links", "enquire_answers",
            "enquire_links_received", "unbinds", "closed",
        )}  # fmt: skip
        return counted | {
            "seconds": self._last_answer - self._first_submit,
            "binds": self.binds,
            "submits": self.submits,
            "receipt_answers": self.receipt_answers,
            "complaints": self.complaints,
        }

    def login(self, credentials: Any, *_: Any) -> Any:
        if (credentials.username, credentials.password) != ("peer", "secret"):
            raise UnauthorizedLogin
        return defer.succeed((None, None, None))

    def take(self, _system_id: str, session: Any, pdu: Any) -> Any:
        """A submit_sm; what it is answered with, in time."""
        n = len(self.submits)
        self._first_submit = self._first_submit or time.monotonic()
        submit = describe(pdu, n)
        self.submits.append(submit)
        answer: Any = defer.Deferred()
        self._lot.append((session, answer, submit, n))
        self.counts["most_in_flight"] = max(self.counts["most_in_flight"], len(self._lot))
        if self._timer is None:
            self._timer = reactor.callLater(LOT_PATIENCE, self._answer_lot)
        if len(self._lot) >= LOT:
            # Not before the library knows of the transaction.
            self._timer.reset(0)
        if n % ENQUIRE_EVERY == ENQUIRE_EVERY - 1:
            self._enquire(session)
        return answer

    def inquire(self) -> None:
        """The ESME has sent an enquire_link."""
        self.counts["enquire_links_received"] += 1
        self.inquired = True
        waiting, self._patient_receipts = self._patient_receipts, []
        for session, pdu in waiting:
            self._deliver(session, pdu)

    def _answer_lot(self) -> None:
        lot, self._lot, self._timer = self._lot, [], None
        for session, answer, submit, n in reversed(lot):
            receipts = [receipt(submit, n)] if submit["registered_delivery"] & 1 else []
            patient = submit["destination_addr"] == self.patient
            early = n % 10 == 3 and not patient
            if early:
                for pdu in receipts:
                    self._deliver(session, pdu)
            status = CommandStatus.ESME_ROK
            answer.callback(DataHandlerResponse(status, message_id=submit["message_id"]))
            if patient and not self.inquired:
                self._patient_receipts += [(session, pdu) for pdu in receipts]
            elif not early:
                for pdu in receipts:
                    self._deliver(session, pdu)
        self._last_answer = time.monotonic()

    def _deliver(self, session: Any, pdu: Any) -> None:
        self.counts["receipts"] += 1
        session.sendDataRequest(pdu).addCallbacks(self._delivered, self._complain)

    def _delivered(self, result: Any) -> None:
        status = CommandStatusEncoder().encode(result.response.status)
        self.receipt_answers[str(int.from_bytes(status, "big"))] += 1
        if result.response.params["message_id"]:
            self.complaints.append(f"deliver_sm_resp with {result.response.params}")

    def _enquire(self, session: Any) -> None:
        self.counts["enquire_links"] += 1
        session.sendRequest(EnquireLink(), 10).addCallbacks(self._enquired, self._complain)

    def _enquired(self, _result: Any) -> None:
        self.counts["enquire_answers"] += 1

    def _complain(self, failure: Any) -> None:
        self.complaints.append(str(failure))


def describe(pdu: Any, n: int) -> dict[str, Any]:
    params = pdu.params
    _, udh, text_octets = SMStringEncoder().splitSM(pdu)
    elements = SMStringEncoder().decodeUDH(udh) or []
    numbering = [
        list(element.data)
        for element in elements
        if element.identifier is InformationElementIdentifier.CONCATENATED_SM_8BIT_REF_NUM
    ]
    coding = DataCodingEncoder().encode(params["data_coding"])[0]
    # Its idea of data_coding 0 is ASCII, which a GSM text is not.
    readable = coding in (LATIN_1, UCS2)
    until = params["validity_period"]
    return {
        "message_id": message_id(n),
        "destination_addr": params["destination_addr"].decode(),
        "dest_addr_ton": params["dest_addr_ton"].name,
        "dest_addr_npi": params["dest_addr_npi"].name,
        "source_addr": params["source_addr"].decode(),
        "source_addr_ton": params["source_addr_ton"].name,
        "source_addr_npi": params["source_addr_npi"].name,
        "esm_class": EsmClassEncoder().encode(params["esm_class"])[0],
        "data_coding": coding,
        "registered_delivery": RegisteredDeliveryEncoder().encode(params["registered_delivery"])[0],
        "service_type": (params["service_type"] or b"").decode(),
        "validity_period": f"{until:%Y-%m-%dT%H:%M:%SZ}" if until else None,
        "text": SMStringEncoder().decodeSM(pdu).unicode if readable else None,
        "octets": text_octets.hex(),
        "udh": udh[1:].hex() if udh else None,
        "concatenation": numbering[0] if numbering else None,
    }


def receipt(submit: dict[str, Any], n: int) -> Any:
    date = f"{datetime.now(UTC):%y%m%d%H%M}"
    text = (
        f"id:{submit['message_id']} sub:001 dlvrd:001 submit date:{date} done date:{date} "
        "stat:DELIVRD err:000 text:..."
    )
    tlvs = {
        "receipted_message_id": submit["message_id"],
        "message_state": MessageState.DELIVERED,
    }
    form: dict[str, Any] = (
        {"short_message": text},
        {"short_message": text, **tlvs},
        {"short_message": "", **tlvs},
        {"short_message": "", "message_payload": text},
    )[n // 4 % 4]
    return DeliverSM(
        source_addr=submit["destination_addr"],
        destination_addr=submit["source_addr"],
        esm_class=EsmClass(EsmClassMode.DEFAULT, EsmClassType.SMSC_DELIVERY_RECEIPT),
        data_coding=DataCoding(schemeData=DataCodingDefault.SMSC_DEFAULT_ALPHABET),
        **form,
    )


class Session(SMPPServerProtocol):  # type: ignore[misc, unused-ignore]
    """The library's session, which also counts."""

    def onPDURequest_bind_transceiver(self, pdu: Any) -> None:  # noqa: N802
        names = ("system_id", "password", "system_type", "interface_version")
        params = {name: pdu.params[name] for name in names}
        bind = {k: v.decode() if isinstance(v, bytes) else v for k, v in params.items()}
        self.factory.centre.binds.append({"command": "bind_transceiver", **bind})
        super().onPDURequest_bind_transceiver(pdu)

    def onPDURequest_enquire_link(self, pdu: Any) -> None:  # noqa: N802
        super().onPDURequest_enquire_link(pdu)
        self.factory.centre.inquire()

    def onPDURequest_unbind(self, pdu: Any) -> None:  # noqa: N802
        self.factory.centre.counts["unbinds"] += 1
        super().onPDURequest_unbind(pdu)

    def connectionLost(self, reason: Any) -> None:  # noqa: N802
        self.factory.centre.counts["closed"] += 1
        super().connectionLost(reason)


class Complaints(logging.Handler):
    """What the library has to say that is worse than a warning."""

    def __init__(self, complaints: list[str]) -> None:
        super().__init__(logging.ERROR)
        self._complaints = complaints

    def emit(self, record: logging.LogRecord) -> None:
        self._complaints.append(record.getMessage())


def main() -> None:
    record_file, patient = sys.argv[1:]
    centre = Centre(patient)
    logging.getLogger().addHandler(Complaints(centre.complaints))
    config = SMPPServerConfig(msgHandler=centre.take, systems=SYSTEMS, enquireLinkTimerSecs=0)
    factory = SMPPServerFactory(config, auth_portal=centre)
    factory.protocol = Session
    factory.centre = centre
    port = reactor.listenTCP(0, factory, interface="127.0.0.1")
    print(f"listening on 127.0.0.1:{port.getHost().port}", flush=True)  # noqa: T201
    reactor.run()  # until SIGTERM
    Path(record_file).write_text(json.dumps(centre.record()))


if __name__ == "__main__":
    main()
