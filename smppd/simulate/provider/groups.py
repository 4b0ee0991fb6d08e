"""Groups, their columns and their contacts: the operations of class `group`.

What the documents leave open is chosen so: the columns are a list of names, a contact an object
of its columns with its `idcontact`; of a contact list, what has no main field or is there already
is passed over, for no error of it is documented. Raises nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import msgspec

from smppd.simulate.provider.accounts import Account, Accounts, Group
from smppd.simulate.provider.answering import NOTHING, Doing, Params, Refused, Result, Writing
from smppd.simulate.provider.countries import COUNTRIES

MISSING = Refused("MISSING_COMPULSORY_PARAM")
NO_CONTACT = Refused("NOT_ACCESS_TO_CONTACT")
NO_GROUP = Refused("NOT_ACCESS_TO_GROUP")
Remark = Callable[[str], None]


class Groups:
    """The operations, by name."""

    def __init__(
        self, accounts: Accounts, writing: Writing, remark: Remark, *, tell_id: bool
    ) -> None:
        self._accounts = accounts
        self._writing = writing
        self._remark = remark
        self._tell_id = tell_id
        self.operations: Mapping[str, Doing] = {
            "group.creategroup": self._create,
            "group.deletegroup": self._delete,
            "group.getgroupcolumns": in_group(lambda group, _params: list(group.columns)),
            "group.addcolumntogroup": in_group(_add_column),
            "group.deletecolumnfromgroup": in_group(_delete_column),
            "group.assigncountrytogroup": in_group(_assign_country),
            "group.getcontacts": in_group(self._get_contacts),
            "group.getcontact": in_group(self._get_contact),
            "group.addcontact": in_group(self._add_contact),
            "group.addcontactlist": in_group(self._add_contact_list),
            "group.modifycontact": in_group(self._modify_contact),
            "group.deletecontact": in_group(_delete_contact),
        }

    def _create(self, account: Account, params: Params, _now: float) -> Result:
        kind = params["type"]
        if kind not in ("mobile", "email"):
            return Refused("INCORRECT_TYPE")
        columns = [name.strip() for name in params["fields"].split(",") if name.strip()]
        if kind not in columns:
            return Refused("MISSING_MAIN_FIELD")
        number = self._accounts.number_of_group()
        account.groups[number] = Group(number, params["name"], kind, list(dict.fromkeys(columns)))
        return {"id": self._writing.id(number)} if self._tell_id else NOTHING

    def _delete(self, account: Account, params: Params, _now: float) -> Result:
        return NO_GROUP if account.groups.pop(params["idgroup"], None) is None else NOTHING

    def _get_contacts(self, group: Group, _params: Params) -> Result:
        return [self._written(number, contact) for number, contact in group.contacts.items()]

    def _get_contact(self, group: Group, params: Params) -> Result:
        number = params["idcontact"]
        contact = group.contacts.get(number)
        return NO_CONTACT if contact is None else self._written(number, contact)

    def _written(self, number: str, contact: Mapping[str, str]) -> dict[str, object]:
        return {"idcontact": self._writing.id(number), **contact}

    def _add_contact(self, group: Group, params: Params) -> Result:
        contact = self._contact(group, read_pairs(params["contact"]))
        if not contact[group.main]:
            return MISSING
        return Refused("CONTACT_EXISTS") if group.add(contact) is None else NOTHING

    def _add_contact_list(self, group: Group, params: Params) -> Result:
        try:
            given = msgspec.json.decode(params["contacts"], type=list[dict[str, object]])
        except (msgspec.DecodeError, UnicodeEncodeError):
            return MISSING
        for each in given:
            contact = self._contact(group, {name: _text(value) for name, value in each.items()})
            if not contact[group.main]:
                self._remark(f"addcontactlist: a contact without {group.main}")
            else:
                group.add(contact)
        return NOTHING

    def _modify_contact(self, group: Group, params: Params) -> Result:
        number = params["idcontact"]
        contact = group.contacts.get(number)
        if contact is None:
            return NO_CONTACT
        pairs = read_pairs(params["contact"])
        changed = self._contact(group, contact | pairs)
        main = changed[group.main]
        if not main:
            return MISSING
        if group.by_main.get(main, number) != number:
            return Refused("CONTACT_EXISTS")
        del group.by_main[contact[group.main]]
        group.by_main[main] = number
        group.contacts[number] = changed
        return NOTHING

    def _contact(self, group: Group, given: Mapping[str, str]) -> dict[str, str]:
        """A contact of the columns there are."""
        for name in given:
            if name not in group.columns:
                self._remark(f"a contact with {name!r}, and its group has no such column")
        return {name: given.get(name, "") for name in group.columns}


def in_group(doing: Callable[[Group, Params], Result]) -> Doing:
    """An operation on a group of the account."""

    def do(account: Account, params: Params, _now: float) -> Result:
        group = account.groups.get(params["idgroup"])
        return NO_GROUP if group is None else doing(group, params)

    return do


def read_pairs(written: str) -> dict[str, str]:
    """What `mobile:123,name:x` says: no value can have a comma, and no name a colon."""
    pairs = (pair.partition(":") for pair in written.split(","))
    return {name.strip(): value for name, colon, value in pairs if colon}


def _text(value: object) -> str:
    return value if isinstance(value, str) else msgspec.json.encode(value).decode()


def _add_column(group: Group, params: Params) -> Result:
    name = params["field"]
    if name not in group.columns:
        group.columns.append(name)
        for contact in group.contacts.values():
            contact[name] = ""
    return NOTHING


def _delete_column(group: Group, params: Params) -> Result:
    name = params["field"]
    if name == group.main:
        return Refused("MISSING_MAIN_FIELD")
    if name in group.columns:
        group.columns.remove(name)
        for contact in group.contacts.values():
            contact.pop(name, None)
    return NOTHING


def _assign_country(group: Group, params: Params) -> Result:
    country = params["countryiso3"].lower()
    if country not in COUNTRIES:
        return Refused("COUNTRY_NOT_FOUND")
    group.country = country
    return NOTHING


def _delete_contact(group: Group, params: Params) -> Result:
    contact = group.contacts.pop(params["idcontact"], None)
    if contact is None:
        return NO_CONTACT
    del group.by_main[contact[group.main]]
    return NOTHING
