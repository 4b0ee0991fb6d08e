"""SMS over HTTP, and what became of any SMS: the operations of class `sms`.

What is sent goes into the tally and the archive of the SMSC that is simulated beside, under
message_ids of the same series; so each of the two knows the other's messages. Raises nothing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from itertools import count
from typing import NamedTuple

from smppd.simulate.archive import Kept
from smppd.simulate.chance import Chance
from smppd.simulate.common import Common
from smppd.simulate.provider.accounts import Account, Group
from smppd.simulate.provider.answering import Doing, Params, Refused, Result, Writing
from smppd.simulate.provider.groups import NO_GROUP, read_pairs
from smppd.simulate.script import Script
from smppd.smpp.cutting import count_parts
from smppd.smpp.text import Encoded, Unencodable, choose, decode_text
from smppd.smpp.vocabulary import EsmClass, MessageState

NO_CREDITS = Refused("NO_CREDITS")
NO_ROUTE = Refused("NO_ROUTE_AVAILABLE")
NO_TEMPLATE = Refused("NOT_ACCESS_TO_TEMPLATE")

_ON_ITS_WAY = frozenset({MessageState.SCHEDULED, MessageState.ENROUTE})
_WORDS = {
    MessageState.SCHEDULED: "ENROUTE",
    MessageState.ENROUTE: "ENROUTE",
    MessageState.DELETED: "DELETED",
}


class Draft(NamedTuple):
    """One SMS that is to be sent: to whom, its text and octets, and its price."""

    to: str
    text: str
    encoded: Encoded
    price: Decimal


class Sending:
    """The operations, by name."""

    def __init__(self, script: Script, common: Common, writing: Writing, chance: Chance) -> None:
        self._http = script.http
        self._fate = script.fate
        self._common = common
        self._writing = writing
        self._chance = chance
        self._batches = count(1)
        self.operations: Mapping[str, Doing] = {
            "sms.sendsms": self._send,
            "sms.sendsmsfromtemplate": self._send_template,
            "sms.sendsmstogroup": self._send_to_group,
            "sms.sendsmstogroupfromtemplate": self._send_template_to_group,
            "sms.getdeliverystatus": self._tell_statuses,
        }

    # ── sending ──────────────────────────────────────────────────────────────────────────────

    def _send(self, account: Account, params: Params, now: float) -> Result:
        return self._send_one(account, params, params["from"], params["sms"], now)

    def _send_template(self, account: Account, params: Params, now: float) -> Result:
        template = account.templates.get(params["idtemplate"])
        if template is None:
            return NO_TEMPLATE
        text = fill(template.text, read_pairs(params.get("params", "")))
        return self._send_one(account, params, template.sender, text, now)

    def _send_one(
        self, account: Account, params: Params, sender: str, text: str, now: float
    ) -> Result:
        draft = self._draft(bare_number(params["to"]), text)
        if draft is None:
            return NO_ROUTE
        if draft.price > account.balance:
            return NO_CREDITS
        message_id = self._take(account, draft, sender, self._held_until(params, now))
        written = self._writing
        return {"messageid": written.id(message_id), "credits": written.credits(draft.price)}

    def _send_to_group(self, account: Account, params: Params, now: float) -> Result:
        group = account.groups.get(params["idgroup"])
        if group is None:
            return NO_GROUP
        texts = [params["sms"]] * len(group.contacts)
        return self._send_all(account, params, (group, params["from"], texts), now)

    def _send_template_to_group(self, account: Account, params: Params, now: float) -> Result:
        group = account.groups.get(params["idgroup"])
        if group is None:
            return NO_GROUP
        template = account.templates.get(params["idtemplate"])
        if template is None:
            return NO_TEMPLATE
        texts = [fill(template.text, contact) for contact in group.contacts.values()]
        return self._send_all(account, params, (group, template.sender, texts), now)

    def _send_all(
        self,
        account: Account,
        params: Params,
        what: tuple[Group, str, Sequence[str]],
        now: float,
    ) -> Result:
        """One to each contact, or none where the credits do not suffice for all of them. Who
        cannot be reached is left out, for no error of these operations says so."""
        group, sender, texts = what
        numbers = [contact.get("mobile", "") for contact in group.contacts.values()]
        drafts = [
            draft
            for number, text in zip(numbers, texts, strict=True)
            if (draft := self._draft(abroad(number, params["countrycode"]), text))
        ]
        cost = sum((draft.price for draft in drafts), Decimal(0))
        if cost > account.balance:
            return NO_CREDITS
        held_until = self._held_until(params, now)
        written = self._writing
        destinations = [
            {
                "messageid": written.id(self._take(account, draft, sender, held_until)),
                "destination": written.id(draft.to),
            }
            for draft in drafts
        ]
        return {
            "id": written.id(next(self._batches)),
            "count": written.id(len(drafts)),
            "credits": written.credits(cost),
            "destinations": destinations,
        }

    def _draft(self, to: str, text: str) -> Draft | None:
        """What is to be sent to this number; None where no route leads there."""
        http = self._http
        if not (to.isascii() and to.isdigit()) or to.startswith(tuple(http.no_route)):
            return None
        encoded = choose(text)
        if isinstance(encoded, Unencodable):  # half of a surrogate pair
            return None
        prefixes = (prefix for prefix in http.prices if to.startswith(prefix))
        prefix = max(prefixes, key=len, default=None)
        price = http.price if prefix is None else http.prices[prefix]
        return Draft(to, text, encoded, Decimal(str(price)) * count_parts(encoded))

    def _held_until(self, params: Params, now: float) -> float:
        moment = params.get("scheduledatetime", "")
        if not moment:
            return now
        seconds = self._writing.seconds_until(moment)
        if seconds is None:
            self._common.tally.remark(f"scheduledatetime {moment!r} cannot be read: sent at once")
        return now + (seconds or 0.0)

    def _take(self, account: Account, draft: Draft, sender: str, held_until: float) -> str:
        common, fate, chance = self._common, self._fate, self._chance
        message_id = common.write_id(next(common.numbers))
        account.balance -= draft.price
        common.tally.take_over_http(draft.to, draft.encoded.octets)
        word = chance.pick(fate.states) or "DELIVRD"
        ends_at = held_until + fate.delay + chance.up_to(fate.jitter)
        kept = Kept(sender, held_until, ends_at, word, account.user, draft.text)
        common.archive.keep(message_id, kept)
        return message_id

    # ── asking ───────────────────────────────────────────────────────────────────────────────

    def _tell_statuses(self, account: Account, params: Params, now: float) -> Result:
        asked = [each.strip() for each in params["messages"].split(",") if each.strip()]
        told = {each: self._tell_status(account, each, now) for each in asked}
        if self._http.status_form == "map":
            return told
        if self._http.status_form == "one" and len(told) == 1:
            return next(iter(told.values()))
        return list(told.values())

    def _tell_status(self, account: Account, message_id: str, now: float) -> dict[str, object]:
        """Where a message is; UNKNOWN for what is not, or is another account's."""
        kept = self._common.archive.look_up(message_id)
        if kept is None or (isinstance(kept.message, str) and kept.account != account.user):
            return self._status(message_id, "", "", "UNKNOWN")
        state = kept.state(now)
        word = _WORDS.get(state, kept.word)
        ended = "" if state in _ON_ITS_WAY else self._writing.date(min(kept.ends_at - now, 0.0))
        return self._status(message_id, text_of(kept), ended, word)

    def _status(self, message_id: str, text: str, date: str, word: str) -> dict[str, object]:
        return {
            "messageid": self._writing.id(message_id),
            "sms": text,
            "deliverydate": date,
            "deliverystatus": self._fate.words.get(word, word),
        }


def text_of(kept: Kept) -> str:
    """The text of a message, whichever way it came."""
    if isinstance(kept.message, str):
        return kept.message
    pdu = kept.message
    return decode_text(pdu.message_octets, pdu.data_coding, bool(pdu.esm_class & EsmClass.UDHI))


def fill(text: str, values: Mapping[str, str]) -> str:
    """A template with these values in the places of their names."""
    for name, value in values.items():
        text = text.replace(f"<{name}>", value)
    return text


def bare_number(written: str) -> str:
    """A number without what may stand before it."""
    return written.strip().removeprefix("+").removeprefix("00")


def abroad(number: str, country: str) -> str:
    """A contact's number with its country code, which it may have already."""
    bare = bare_number(number)
    if bare != number.strip() or (bare.startswith(country) and len(bare) > 9):
        return bare
    return country + bare if bare else ""
