"""The messages of the demo: every alphabet, one part and several. Pure."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

_TEXTS = (
    "Your parcel {n} has arrived at the counter.",
    "Invoice {n}: 12,50 € in all [VAT included]. Thank you!",
    "Reunión a las 9:30, habitación {n}. ¿Vienes? ☕",
    "Congratulations on order {n} 🎉 Прекрасно! 素晴らしい",
    "Flight {n} to Düsseldorf now leaves from gate B12 at 18:45. "
    "Boarding begins 40 minutes before that. "
    "Please have your passport and your boarding pass ready, "
    "and note that hand luggage may weigh 8 kg at most. "
    "We are sorry for the change, and wish you a pleasant journey.",
)
#: What mobile numbers of some countries begin with.
_CODES = ("346", "346", "336", "3519", "346", "4915", "346")


def batch(count: int) -> Iterator[bytes]:
    """So many messages as lines of a .jsonl file, each with an id and a number of its own."""
    for number in range(1, count + 1):
        text = _TEXTS[(number - 1) % len(_TEXTS)].format(n=number)
        code = _CODES[(number - 1) % len(_CODES)]
        message = {"to": f"+{code}{number:08d}", "text": text, "id": f"demo-{number}"}
        yield msgspec.json.encode(message) + b"\n"
