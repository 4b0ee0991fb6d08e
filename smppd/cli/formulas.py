"""Cells of CSV that a spreadsheet would run as formulas: what others wrote must not become one.

An apostrophe before it makes it a text, for a spreadsheet and for us when it is read again. Numbers keep
their sign. Pure; raises nothing.
"""

from __future__ import annotations

import re

_FORMULA = re.compile(r"[=@\t\r]|[+-](?![\d\s().-]*\Z)")


def harmless(cell: str) -> str:
    """The cell as it may be shown to a spreadsheet."""
    return f"'{cell}" if _is_formula(cell) else cell


def meant(cell: str) -> str:
    """What stood there before it was made harmless."""
    return cell[1:] if cell.startswith("'") and _is_formula(cell) else cell


def _is_formula(cell: str) -> bool:
    return _FORMULA.match(cell.lstrip("'")) is not None
