"""The options of `smppd submit` that are about a file as a whole: its settings, as they lie beside it."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import msgspec

from smppd.cli.terminal import CommandError
from smppd.placing import beside
from smppd.spool.defaults import first_flaw
from smppd.spool.quarantine import Unusable
from smppd.spool.settings import NO_SETTINGS, Settings, joined, read_settings


def add_campaign(parser: argparse.ArgumentParser) -> None:
    """Declare them."""
    group = parser.add_argument_group("a campaign")
    group.add_argument(
        "--campaign",
        metavar="NAME",
        help="its name: what was handed in under the same one before is not sent again",
    )
    group.add_argument(
        "--template", metavar="TEXT", help='the text for all lines of FILE: "Hola {name}"'
    )
    group.add_argument("--spread", metavar="TIME", help='spread over a time: "2h"')
    group.add_argument("--canary", metavar="N", help="send the first N alone, then the rest or not")
    group.add_argument(
        "--unique-text", action="store_true", help="the same text to the same number goes once"
    )


def terms_given(arguments: argparse.Namespace) -> dict[str, Any]:
    """The terms among the options."""
    given: dict[str, Any] = {}
    if arguments.campaign is not None:
        given |= {"name": arguments.campaign, "once": True}
    if arguments.spread is not None:
        given["spread"] = arguments.spread
    if arguments.canary is not None:
        number = arguments.canary
        given["canary"] = int(number) if number.isascii() and number.isdecimal() else number
    if arguments.unique_text:
        given["unique_text"] = True
    return given


def settings_for(terms: dict[str, Any], fields: dict[str, Any], file: Path | None) -> bytes:
    """What is to lie beside a file: these, and what lies beside FILE already. Raises `CommandError`."""
    own = _understood(terms | fields, "submit") if terms or fields else NO_SETTINGS
    settings = joined(_found(file), own) if file is not None else own
    if isinstance(settings, Unusable):
        raise CommandError(f"{settings.reason}: {settings.cure}", exit_code=2)
    return settings.octets + b"\n" if settings.given else b""


def _found(file: Path) -> Settings:
    try:
        return _understood(beside(file).read_bytes(), beside(file).name)
    except FileNotFoundError:
        return NO_SETTINGS
    except OSError as error:
        raise CommandError(f"{beside(file)}: cannot be read: {error.strerror}", 2) from None


def _understood(content: bytes | dict[str, Any], where: str) -> Settings:
    if isinstance(content, dict):
        try:
            content = msgspec.json.encode(content)
        except UnicodeEncodeError:
            raise CommandError(
                "the options are not UTF-8: check the terminal's locale", 2
            ) from None
    settings = read_settings(content, where)
    problem = settings if isinstance(settings, Unusable) else first_flaw(settings)
    if problem is not None:
        raise CommandError(f"{problem.reason}: {problem.cure}", exit_code=2)
    assert isinstance(settings, Settings)
    return settings
