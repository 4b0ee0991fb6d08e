"""Messages from handsets (MO), from the moment that somebody is bound to receive them."""

from __future__ import annotations

from smppd.simulate.accounts import Account
from smppd.simulate.agenda import Agenda
from smppd.simulate.mailbox import Delivery
from smppd.simulate.script import Handsets, encode_mo
from smppd.simulate.tally import Tally
from smppd.smpp.pdu import DeliverSm
from smppd.smpp.vocabulary import Npi, Ton


class HandsetMessages:
    """Writes them and puts them into the mailboxes of those who receive, in turns."""

    def __init__(self, script: Handsets, agenda: Agenda, tally: Tally) -> None:
        self._script = script
        self._agenda = agenda
        self._tally = tally
        self._accounts: list[Account] = []
        self._written = 0

    def welcome(self, account: Account, now: float) -> None:
        """This account has bound a session that may receive."""
        if account in self._accounts:
            return
        self._accounts.append(account)
        if len(self._accounts) == 1 and (self._script.rate or self._script.count):
            self._write(now)

    def _write(self, now: float) -> None:
        script = self._script
        while not script.count or self._written < script.count:
            self._written += 1
            self._post(self._accounts[self._written % len(self._accounts)])
            if script.rate:
                self._agenda.at(now + 1 / script.rate, self._write)
                return

    def _post(self, account: Account) -> None:
        octets, data_coding = encode_mo(self._script.text, self._written)
        message = DeliverSm(
            source_addr_ton=Ton.INTERNATIONAL,
            source_addr_npi=Npi.ISDN,
            source_addr=self._script.source,
            destination_addr=self._script.destination,
            data_coding=data_coding,
            short_message=octets,
        )
        account.mailbox.put(Delivery(message, False))
        account.stirred = True
        self._tally.mo.made += 1
