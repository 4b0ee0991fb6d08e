"""What a file says of itself as a whole: the object after `"campaign"`, or in `NAME.meta.json`.

Its keys are the campaign's terms and fields of a message, which hold for every line that does not
have its own. One mistake in it makes the whole file unusable: a campaign is never half applied.
Pure; raises nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from difflib import get_close_matches

import msgspec

from smppd.campaign import NO_TERMS, CampaignTerms, Canary
from smppd.config.quantities import seconds
from smppd.spool.field_names import FIELDS, LONGEST_NAME
from smppd.spool.legible import UNREADABLE, echoed
from smppd.spool.quarantine import Unusable
from smppd.spool.syntax import syntax_error
from smppd.spool.templates import Template, parse_template

#: Octets of settings at most.
LONGEST = 64 * 1024
#: A campaign's name has so many characters at most.
_NAME_LIMIT = 200
#: A campaign is spread over so many seconds at most.
_WIDEST = 90 * 86_400.0
#: More messages than any file has; and no number that means anything here is larger than this one.
_MOST_MESSAGES = 1_000_000_000
_BEYOND = 1e15
_OF_EACH = frozenset({"to", "id"})

Raw = msgspec.Raw
Fields = dict[str, Raw]
_decode_fields = msgspec.json.Decoder(dict[str, Raw]).decode


class Settings(msgspec.Struct, frozen=True):
    """A file's settings: `given` are all of them as they were written.

    `fields` are defaults for every line, `echo` those of them whose names begin with `x-`; the
    text among them is the `template`, when it stands there.
    """

    given: Fields = {}
    terms: CampaignTerms = NO_TERMS
    fields: Fields = {}
    template: Template | None = None

    @property
    def octets(self) -> bytes:
        """All of it as JSON; nothing for none."""
        return msgspec.json.encode(self.given) if self.given else b""


#: A file that says nothing.
NO_SETTINGS = Settings()


def read_settings(raw: bytes, where: str) -> Settings | Unusable:
    """Settings as JSON. `where` begins what is said of a mistake: `"campaign"`, or a file's name."""
    if len(raw) > LONGEST:
        return Unusable(f"{where}: is longer than {LONGEST} octets", "write less")
    problem = syntax_error(raw)
    if problem is not None:
        row = problem.before.count("\n") + 1
        column = len(problem.before) - (problem.before.rfind("\n") + 1) + 1
        place = f"in line {row}, column {column}"
        return Unusable(f"{where}: {problem.reason} {place}", problem.cure, 1, column)
    try:
        given = _decode_fields(raw)
    except ValueError:
        cure = 'write an object like {"name": "autumn", "from": "ACME"}'
        return Unusable(f"{where}: is not an object", cure, 1, 1)
    for name, value in given.items():
        if echoed(value) is None:
            reason, cure = UNREADABLE
            return Unusable(f"{where}: {name[:60]!r}: {reason}", cure, 1, 1)
    return _understood(given, where)


def joined(first: Settings, second: Settings) -> Settings | Unusable:
    """Both at once, where they do not contradict each other."""
    if not first.given or not second.given:
        return second if second.given else first
    for name, value in second.given.items():
        other = first.given.get(name)
        if other is not None and _plain(other) != _plain(value):
            reason = f"campaign: {name} is given twice, in the file and beside it, and not the same"
            return Unusable(reason, "leave one of the two out", 1, 1)
    return _understood(first.given | second.given, "campaign")


def _plain(value: Raw) -> object:
    return msgspec.json.decode(value)


def _understood(given: Fields, where: str) -> Settings | Unusable:
    terms: dict[str, object] = {}
    fields: Fields = {}
    for name, value in given.items():
        if name in _TERMS:
            if isinstance(found := _TERMS[name](_plain(value)), _Mistake):
                return Unusable(f"{where}: {name}: {found.reason}", found.cure, 1, 1)
            terms[name] = found
        elif name in _OF_EACH:
            return Unusable(f"{where}: {name}: is each line's own", "put it into the lines", 1, 1)
        elif name in FIELDS or name.startswith("x-"):
            fields[name] = value
        else:
            return Unusable(f"{where}: {name[:60]!r}: unknown setting", _meant(name), 1, 1)
    if terms.get("once") and not terms.get("name"):
        cure = 'add "name": the same name again is then not sent again'
        return Unusable(f"{where}: once: needs a name", cure, 1, 1)
    text = fields.pop("text", None)
    template = None
    if text is not None:
        found = _template(_plain(text))
        if isinstance(found, _Mistake):
            return Unusable(f"{where}: text: {found.reason}", found.cure, 1, 1)
        template = found
    return Settings(given, msgspec.convert(terms, _Named).terms(), fields, template)


def _meant(name: str) -> str:
    close = get_close_matches(name[:LONGEST_NAME].lower(), [*_TERMS, *FIELDS], n=1)
    return f"did you mean {close[0]}?" if close else f"leave it out, or name it x-{name[:40]}"


# ── the terms ────────────────────────────────────────────────────────────────────────────────


class _Mistake(msgspec.Struct, frozen=True):
    reason: str
    cure: str


class _Named(msgspec.Struct):
    """The terms by name, for `CampaignTerms` stands on disk by place."""

    name: str = ""
    once: bool = False
    unique_text: bool = False
    spread: float = 0.0
    canary: Canary | None = None

    def terms(self) -> CampaignTerms:
        return CampaignTerms(self.name, self.once, self.unique_text, self.spread, self.canary)


def _name(value: object) -> str | _Mistake:
    if not isinstance(value, str) or not value.strip():
        return _Mistake("must be a text in quotes", 'write "name": "autumn", say')
    if len(value) > _NAME_LIMIT or not value.isprintable():
        cure = f"write at most {_NAME_LIMIT} printable characters on one line"
        return _Mistake("is no name", cure)
    return value.strip()


def _flag(value: object) -> bool | _Mistake:
    return value if isinstance(value, bool) else _Mistake("must be true or false", "write one")


def _spread(value: object) -> float | _Mistake:
    length = _length(value)
    if length is None or not 0 < length <= _WIDEST:
        return _Mistake("must be a duration of at most 90 days", 'write one like "2h"')
    return length


def _length(value: object) -> float | None:
    """Seconds, of a number or a text like "10m"."""
    if isinstance(value, str):
        return seconds(value.strip())
    return _number(value)


def _number(value: object) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return float(value) if abs(value) < _BEYOND else None


def _canary(value: object) -> Canary | _Mistake:
    if not isinstance(value, dict):
        return _canary({"messages": value})
    cure = 'write 100, or {"messages": 100, "max_failed": "5%", "wait": "10m"}'
    unknown = value.keys() - {"messages", "max_failed", "wait"}
    if unknown:
        return _Mistake(f"has an unknown key {sorted(unknown)[0][:60]!r}", cure)
    messages = value.get("messages")
    if type(messages) is not int or not 1 <= messages <= _MOST_MESSAGES:
        return _Mistake(f"messages must be a whole number from 1 to {_MOST_MESSAGES:,}", cure)
    failed = _share(value.get("max_failed", 0.05))
    if failed is None:
        return _Mistake('max_failed must be a share like "5%" or 0.05', cure)
    wait = _length(value.get("wait", 600.0))
    if wait is None or not 0 < wait <= _WIDEST:
        return _Mistake('wait must be a duration like "10m"', cure)
    return Canary(messages, failed, wait)


def _share(value: object) -> float | None:
    if isinstance(value, str):
        number, sign, rest = value.strip().partition("%")
        try:
            value = float(number) / 100 if sign and not rest else None
        except ValueError:
            return None
    share = _number(value)
    return share if share is not None and 0 <= share <= 1 else None


def _template(value: object) -> Template | _Mistake:
    if not isinstance(value, str) or not value:
        return _Mistake("must be a text in quotes", 'write "text": "Hola {name}", say')
    found = parse_template(value)
    return _Mistake(*found.split(": ", 1)) if isinstance(found, str) else found


_TERMS: Mapping[str, Callable[[object], object]] = {
    "name": _name,
    "once": _flag,
    "unique_text": _flag,
    "spread": _spread,
    "canary": _canary,
}
