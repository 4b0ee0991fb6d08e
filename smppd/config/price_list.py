"""Reads `[prices]`: each mistake with its key and the cure.

Notes mistakes with the `Reading` it is given; raises nothing.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from decimal import Decimal
from typing import Any

from smppd.config.mistakes import Reading, dotted
from smppd.config.prices import Prices
from smppd.config.rules import Problem, nearest, quoted, shown, text
from smppd.countries import dialling_code, name_of, read_place, shares_code

#: A price as it is written: no sign, no exponent, up to nine decimals.
_PRICE = re.compile(r"[0-9]{1,9}(?:\.[0-9]{1,9})?")
_WRITE = 'write what one part costs, like 0.045 or "0.045"'
_currency = text(longest=12)


def read_prices(reading: Reading, found: object, names: Collection[str]) -> Prices:
    """The `prices` of a document; `names` are those of its links and accounts."""
    table = reading.table(found, "prices")
    currency = table.get("currency", "")
    problem = None if currency == "" else _currency(currency)
    if len(table) > ("currency" in table) and not currency:
        reading.refuse('is missing; write currency = "EUR", or yours', "prices", "currency")
    elif isinstance(problem, Problem):
        reading.refuse(problem.why, "prices", "currency")
    via = reading.table(table.get("via", {}), "prices", "via")
    for name in via:
        if name not in names:
            near = nearest(name, names)
            reading.refuse(
                f"there is no link or account {quoted(name)}; write names of [link.NAME] or"
                f" [http.NAME]{near}",
                *("prices", "via", name),
            )
    own = {key: each for key, each in table.items() if key not in ("currency", "via")}
    return Prices(
        str(currency),
        _read_tariff(reading, own, "prices"),
        {
            name: _read_tariff(
                reading, reading.table(each, "prices", "via", name), "prices", "via", name
            )
            for name, each in via.items()
        },
    )


def _read_tariff(reading: Reading, table: Mapping[str, Any], *key: str) -> dict[str, Decimal]:
    prices: dict[str, Decimal] = {}
    for written, value in table.items():
        place = written if written == "default" else read_place(written)
        if place is None:
            reading.refuse(_no_place(written), *key, written)
            continue
        price = reading.value(_price(value), *key, written)
        if place in prices:
            reading.refuse("stands twice, with and without +; keep one", *key, written)
        elif price is not None:
            prices[place] = price
    for country in prices:
        code = dialling_code(country)
        if code in prices and not shares_code(country):
            reading.refuse(
                f"is the price of {dotted(*key, code)}, too: both are all of"
                f" {name_of(country)}; keep one",
                *(*key, country),
            )
    return prices


def _price(value: object) -> object:
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        return Problem(f"{shown(value)} is not a price; {_WRITE}")
    # A float is read back as it was written: its shortest form has the digits of the file.
    written = value if isinstance(value, str) else f"{value}"
    if not isinstance(value, str) and "e-" in written:
        written = f"{value:.9f}".rstrip("0")
    if not _PRICE.fullmatch(written):
        return Problem(f"{shown(value)} is not a price; {_WRITE}")
    return Decimal(written)


def _no_place(written: str) -> str:
    if read_place(written.upper()) is not None:
        return f"is not a country's code; write {written.upper()}"
    return (
        "is neither a country nor a prefix; write a country's code of two letters like ES, the"
        ' digits that numbers begin with in quotes like "346", currency, default or via'
    )
