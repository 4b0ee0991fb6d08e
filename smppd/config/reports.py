"""`[reports]`: in which forms people get what became of a file."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal, get_args

from smppd.config.rules import choice

#: Whether a page is written beside a report: for files of more than a few messages, or as it says.
Html = Literal["auto", "always", "never"]


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportsConfig:
    """`[reports]`."""

    html: Annotated[Html, choice(*get_args(Html))] = "auto"
