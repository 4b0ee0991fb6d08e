"""Fields of groups and contacts as the provider wants them: names, `field:value,…` and JSON. Pure.

The provider documents no way to write a separator within `field:value,…`. A comma in a value would
begin another field. Whether a value ends at its first colon or at the next one is not said either,
and a contact whose name is cut in silence is worse than one that is refused: so neither may stand in
a field or value. JSON (`group.addcontactlist`) has no such limits.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence

from smppd.provider.words import Wrong, body, line

_LIKE_PAIRS = 'write it like "mobile:34600000000,name:Ana", or as an object'
_LIKE_CONTACTS = 'write it like [{"mobile": "34600000000", "name": "Ana"}]'
_SEPARATORS = (
    "; commas and colons separate fields and cannot be escaped: take it out (for a new contact,"
    " group.addcontactlist takes any value)"
)


def field_name(value: object) -> str | Wrong:
    """One field's name, without what separates fields."""
    name = line(value)
    if isinstance(name, Wrong):
        return name
    name = name.strip()
    if not name:
        return Wrong("is empty; write the name of a field")
    if "," in name or ":" in name:
        return Wrong("has a comma or colon in the name of a field; take it out")
    return name


def columns(value: object) -> str | Wrong:
    """Names of fields, each once."""
    given = value.split(",") if isinstance(value, str) else value
    if not isinstance(given, list | tuple):
        return Wrong('is no list of fields; write it like "mobile,name"')
    names: list[str] = []
    for number, each in enumerate(given, 1):
        name = field_name(each)
        if isinstance(name, Wrong):
            return Wrong(f"field {number} {name.why}")
        if name in names:
            return Wrong(f"field {number} is there twice; keep one of them")
        names.append(name)
    return ",".join(names)


def pairs(value: object) -> str | Wrong:
    """`field:value,…`, from such a text or an object (as such, or as its JSON)."""
    if isinstance(value, str) and value.lstrip().startswith("{"):
        value = _json(value, _LIKE_PAIRS)
    if isinstance(value, Wrong):
        return value
    if isinstance(value, Mapping):
        return _joined(list(value.items()))
    if not isinstance(value, str):
        return Wrong(f"is no list of fields; {_LIKE_PAIRS}")
    found = _cut(value)
    return found if isinstance(found, Wrong) else _joined(found)


def _joined(fields: Sequence[tuple[object, object]]) -> str | Wrong:
    written: dict[str, str] = {}
    for name, value in fields:
        field = field_name(name)
        if isinstance(field, Wrong):
            return field
        if field.startswith("{"):
            return Wrong("has a field that begins with {, as JSON does; take it out")
        text = line(value)
        if isinstance(text, Wrong):
            return Wrong(f"field {field} {text.why}")
        if "," in text or ":" in text:
            return Wrong(f"field {field} has a comma or colon in its value{_SEPARATORS}")
        if field in written:
            return Wrong(f"field {field} is there twice; keep one of them")
        written[field] = text
    return ",".join(f"{field}:{text}" for field, text in written.items())


def _cut(text: str) -> list[tuple[str, str]] | Wrong:
    found: list[tuple[str, str]] = []
    for number, piece in enumerate(text.split(","), 1):
        if piece.count(":") != 1:
            many = "more than one colon" if ":" in piece else "no colon"
            return Wrong(f"piece {number} between commas has {many}{_SEPARATORS}; {_LIKE_PAIRS}")
        name, _, value = piece.partition(":")
        found.append((name, value))
    return found


def contacts(value: object) -> str | Wrong:
    """A JSON list of contacts, from such a text or a list. Every value becomes a text."""
    if isinstance(value, str):
        value = _json(value, _LIKE_CONTACTS)
    if isinstance(value, Wrong):
        return value
    if not isinstance(value, list | tuple) or not value:
        return Wrong(f"is no list of contacts; {_LIKE_CONTACTS}")
    written: list[dict[str, str]] = []
    for number, each in enumerate(value, 1):
        contact = _contact(each)
        if isinstance(contact, Wrong):
            return Wrong(f"contact {number} {contact.why}")
        written.append(contact)
    return json.dumps(written, ensure_ascii=False, separators=(",", ":"))


def _contact(value: object) -> dict[str, str] | Wrong:
    if not isinstance(value, Mapping) or not value:
        return Wrong(f"is no object with fields; {_LIKE_CONTACTS}")
    contact: dict[str, str] = {}
    for name, each in value.items():
        field = line(name)
        if isinstance(field, Wrong) or not field.strip():
            return Wrong("has a field without a usable name; write one like mobile")
        text = body(each)
        if isinstance(text, Wrong):
            return Wrong(f"field {field} {text.why}")
        contact[field] = text
    return contact


def _json(text: str, like: str) -> object:
    """The value that a text holds as JSON; a key that is there twice is a mistake."""
    try:
        return json.loads(text, object_pairs_hook=_each_once, parse_constant=_refuse)
    except RecursionError:
        return Wrong(f"is nested too deeply; {like}")
    except _TwiceError as error:
        return Wrong(f"field {error} is there twice; keep one of them")
    except ValueError:
        return Wrong(f"is no JSON that can be read; {like}")


class _TwiceError(ValueError):
    """A key of an object that is there twice."""


def _each_once(found: list[tuple[str, object]]) -> dict[str, object]:
    each: dict[str, object] = {}
    for name, value in found:
        if name in each:
            raise _TwiceError(name)
        each[name] = value
    return each


def _refuse(constant: str) -> object:
    raise ValueError(constant)
