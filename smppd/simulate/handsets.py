"""Messages from handsets (MO), from the moment that somebody is bound to receive them."""

from __future__ import annotations

from msgspec.structs import replace

from smppd.simulate.accounts import Account
from smppd.simulate.agenda import Agenda
from smppd.simulate.chance import Chance
from smppd.simulate.mailbox import Delivery
from smppd.simulate.script import Handsets, encode_mo
from smppd.simulate.tally import Tally
from smppd.smpp.cutting import BadHeader, Cut, Manner, TooLong, cut
from smppd.smpp.pdu import DeliverSm, Tlvs
from smppd.smpp.vocabulary import EsmClass, Npi, TlvTag, Ton


class HandsetMessages:
    """Writes them and puts them into the mailboxes of those who receive, in turns."""

    def __init__(self, script: Handsets, agenda: Agenda, tally: Tally, chance: Chance) -> None:
        self._script = script
        self._agenda = agenda
        self._chance = chance
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
        script = self._script
        encoded = encode_mo(script.text, self._written)
        message = DeliverSm(
            source_addr_ton=Ton.INTERNATIONAL,
            source_addr_npi=Npi.ISDN,
            source_addr=script.source,
            destination_addr=script.destination,
            data_coding=encoded.data_coding,
        )
        parts = _parts(message, cut(encoded, Manner(script.split), lambda: self._written))
        for part in reversed(parts) if script.backwards else parts:
            if len(parts) == 1 or not self._chance.happens(script.lose_parts):
                account.mailbox.put(Delivery(part, False))
                self._tally.mo.made += 1
        account.stirred = True


def _parts(message: DeliverSm, done: Cut | TooLong | BadHeader) -> list[DeliverSm]:
    """The message with each of its texts."""
    assert isinstance(done, Cut), "the script was checked"
    parts = []
    for number, text in enumerate(done.segments, start=1):
        tlvs: Tlvs = ()
        if done.sar is not None:
            tlvs = (
                (int(TlvTag.SAR_MSG_REF_NUM), done.sar.to_bytes(2, "big")),
                (int(TlvTag.SAR_TOTAL_SEGMENTS), bytes((len(done.segments),))),
                (int(TlvTag.SAR_SEGMENT_SEQNUM), bytes((number,))),
            )
        esm_class = int(EsmClass.UDHI) if done.udhi else 0
        parts.append(replace(message, esm_class=esm_class, short_message=text, tlvs=tlvs))
    return parts
