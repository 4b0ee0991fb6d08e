"""What an estimate says, for people: the sums first, then what deserves a look, the worst first."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal

from smppd.cli.terminal import plural
from smppd.estimate.findings import Country, Estimate, Faults, Repeated, Wide, WideCharacter

_COUNTRIES = 10
_CHARACTERS = 10


def in_words(found: Estimate) -> Iterator[str]:
    """Line by line."""
    yield f"{found.file}: {plural(found.lines, 'line')}, {plural(found.messages, 'message')}"
    if found.campaign != found.file:
        yield f"campaign {found.campaign}"
    for state, count in found.states.items():
        yield f"  {count:>12,} {_STATES.get(state, state)}"
    if found.opted_out.count:
        yield f"  {found.opted_out.count:>12,} of the rejected have opted out"
    yield f"  {found.parts:>12,} {'part' if found.parts == 1 else 'parts'}: {_lengths(found.lengths)}"
    for encoding, count in found.encodings.items():
        yield f"  {count:>12,} {encoding}"
    if found.calls:
        yield f"  {found.calls:>12,} calls of the HTTP API"
    yield from _money(found)
    yield from _countries(found.countries)
    yield from _wide(found.ucs2, found)
    yield from _faults(found)
    yield from _repeats(found)
    if found.longest and found.longest[0].parts > 1:
        yield "longest messages:"
        for each in found.longest:
            size = f"{plural(each.parts, 'part')}, {each.characters:,} characters, {each.encoding}"
            yield f"  line {each.line:,}: {size}"


_STATES = {"queued": "would leave", "duplicate": "duplicates: an id that stood before"}


def _lengths(lengths: dict[int, int]) -> str:
    return ", ".join(f"{count:,} of {parts}" for parts, count in lengths.items()) or "none"


def _amount(cost: Decimal | None, currency: str) -> str:
    return "no price" if cost is None else f"{cost:,f} {currency}"


def _money(found: Estimate) -> Iterator[str]:
    if found.cost is None:
        yield "cost: no [prices] are configured"
        return
    yield f"cost: {_amount(found.cost.estimated, found.cost.currency)}"
    if found.cost.unpriced:
        yield f"  without {plural(found.cost.unpriced, 'message')} to numbers that have no price"


def _countries(countries: dict[str, Country]) -> Iterator[str]:
    if countries:
        yield "countries:"
    for number, (code, each) in enumerate(countries.items()):
        if number == _COUNTRIES:
            yield f"  … and {plural(len(countries) - _COUNTRIES, 'other')}; --json has all"
            return
        cost = "" if each.cost is None else f", {each.cost:,f}"
        yield f"  {each.messages:>12,} {each.name} ({code}), {plural(each.parts, 'part')}{cost}"


def _wide(wide: Wide, found: Estimate) -> Iterator[str]:
    if found.transliterated:
        changed = plural(found.transliterated, "text")
        yield f"{changed} fit because other characters are put in (transliterate)"
    if not wide.messages:
        return
    messages = plural(wide.messages, "message")
    yield f"characters that force UCS-2, in {messages} ({plural(wide.parts, 'part')}):"
    for each in wide.characters[:_CHARACTERS]:
        yield f"  {each.messages:>12,} {_character(each)}"
    rest = len(wide.characters) + wide.more_characters - _CHARACTERS
    if rest > 0:
        yield f"  … and {plural(rest, 'other character')}; --json has more"
    other = wide.transliteration
    if other.messages:
        saved = plural(other.parts_saved, "part")
        if other.cost_saved is not None and found.cost is not None:
            saved += f", {_amount(other.cost_saved, found.cost.currency)}"
        yield f"transliterate = true would bring {other.messages:,} of them into gsm7: {saved} less"
        for char, (to, count) in list(other.replaced.items())[:_CHARACTERS]:
            yield f"  {count:>12,} {char} → {to or '(nothing)'}"


def _character(each: WideCharacter) -> str:
    places = ", ".join(f"{place.line}:{place.column}" for place in each.places)
    more = ", …" if each.messages > len(each.places) else ""
    alone = f"alone in {each.alone:,}, " if each.alone else ""
    return f"{each.character} {each.code} {each.name}: {alone}line:column {places}{more}"


def _faults(found: Estimate) -> Iterator[str]:
    if found.rejected:
        yield "rejected, by reason:"
    for code, faults in found.rejected.items():
        yield f"  {faults.count:>12,} {code}"
        yield from _examples(faults)
    if found.opted_out.count:
        yield "opted out:"
        yield from _examples(found.opted_out)


def _examples(faults: Faults) -> Iterator[str]:
    for each in faults.examples[:3]:
        who = f", to {each.to}" if each.to else ""
        yield f"    line {each.line:,}{who}: {each.text}"


def _repeats(found: Estimate) -> Iterator[str]:
    repeated = found.repeated
    for what, each in (
        ("ids", repeated.ids),
        ("numbers", repeated.numbers),
        ("texts to the same number", repeated.texts),
    ):
        if each.messages:
            yield f"repeated {what}: {each.values:,}, in {plural(each.messages, 'further message')}"
            yield from _most(each)


def _most(repeated: Repeated) -> Iterator[str]:
    for value, count in list(repeated.most.items())[:5]:
        yield f"    {count:,} times {value if len(value) <= 60 else value[:57] + '…'}"
