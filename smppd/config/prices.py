"""What a part costs, by destination: for reports and estimates.

Sums are exact: prices are decimal numbers that never pass through a binary one. Pure; nothing is
raised.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from decimal import Decimal
from functools import lru_cache
from types import MappingProxyType

from smppd.countries import Places, country_of

Table = Mapping[str, Decimal]


class Prices:
    """`[prices]`: the price of a part (or of a call) by place (`countries.read_place`), and under
    "default" for all others; `via` has the like by link or account, and goes before. It is false
    where there is no price at all."""

    def __init__(
        self,
        currency: str = "",
        prices: Table = MappingProxyType({}),
        via: Mapping[str, Table] = MappingProxyType({}),
    ) -> None:
        self.currency = currency
        self._written = (currency, dict(prices), {name: dict(each) for name, each in via.items()})
        self._of_all = _Tariff(prices)
        self._via = {name: _Tariff(each) for name, each in via.items()}
        # Of millions of numbers few are told apart by their prices.
        self._deciding = max(
            (len(key) for table in self._tables() for key in table if key.isdigit()), default=0
        )
        self._look_up = lru_cache(maxsize=4096)(self._found)

    def _tables(self) -> Iterator[Table]:
        yield self._written[1]
        yield from self._written[2].values()

    def __bool__(self) -> bool:
        return bool(self._written[1] or self._written[2])

    def __reduce__(self) -> tuple[object, ...]:
        return Prices, self._written

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Prices) and self._written == other._written

    def __hash__(self) -> int:
        return hash(self.currency)

    def price(self, digits: str, link: str = "", country: str | None = None) -> Decimal | None:
        """What one part to this number costs over this link or account; None where no price is
        known. `country` is the number's own, where that is known already."""
        own = country_of(digits) if country is None else country
        return self._look_up(digits[: self._deciding], own, link)

    def _found(self, digits: str, country: str, link: str) -> Decimal | None:
        own = self._via.get(link)
        if own is not None:
            found = own.price(digits, country)
            if found is not None:
                return found
        return self._of_all.price(digits, country)

    def of(self, digits: str, parts: int, link: str = "") -> Decimal | None:
        """What a message of so many parts costs; None where no price is known."""
        price = self.price(digits, link)
        return None if price is None else price * parts


class _Tariff:
    def __init__(self, prices: Table) -> None:
        self._default = prices.get("default")
        self._places = Places({key: each for key, each in prices.items() if key != "default"})

    def price(self, digits: str, country: str) -> Decimal | None:
        found = self._places.find(digits, country)
        return self._default if found is None else found
