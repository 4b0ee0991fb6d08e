"""From a TOML file to a `Config`, or to every mistake in it at once.

Mistakes are values: each names its dotted key, what is wrong and the cure. Nothing here looks
at the folders and sockets that the configuration names, nor at passwords. Nothing is raised; a
file that cannot be read is a mistake too.
"""

from __future__ import annotations

import os
import re
import tomllib
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from smppd.config.accounts import ChatConfig, ContactsConfig, HttpConfig
from smppd.config.links import read_links
from smppd.config.mistakes import Mistake, Reading, unknown
from smppd.config.optout import read_optout
from smppd.config.outlet_keys import read_outlets
from smppd.config.outlets import EventsConfig, HookConfig, WebhookConfig
from smppd.config.policy import PolicyConfig
from smppd.config.price_list import read_prices
from smppd.config.quiet_hours import read_quiet
from smppd.config.reports import ReportsConfig
from smppd.config.retention import RetentionConfig
from smppd.config.routing import read_routes
from smppd.config.sections import (
    KEYS,
    Config,
    JournalConfig,
    LinkConfig,
    ObserveConfig,
    RoutingConfig,
    SpoolConfig,
)
from smppd.config.smstools import read_smstools
from smppd.config.web import read_accounts

DEFAULT_PATH = Path("/etc/smppd/smppd.toml")

#: The name of a Unix socket must fit a `sockaddr_un`, with its final NUL.
_SOCKET_PATH_LIMIT = 107

_TOML_PLACE = re.compile(r"(.*) \(at (line \d+, column \d+|end of document)\)", re.DOTALL)


def find_config(argument: str | None, environ: Mapping[str, str] = os.environ) -> Path:
    """Which file: the one asked for, else $SMPPD_CONFIG, else /etc/smppd/smppd.toml."""
    return Path(argument or environ.get("SMPPD_CONFIG") or DEFAULT_PATH)


def load(file: Path, environ: Mapping[str, str] = os.environ) -> Config | list[Mistake]:
    """Read the file. `environ` tells where systemd has put credentials."""
    try:
        content = file.read_bytes()
    except (OSError, ValueError) as error:
        why = getattr(error, "strerror", None) or str(error)
        return [
            Mistake(
                str(file),
                f"cannot be read ({why}); correct that, or name another file"
                " with --config FILE or $SMPPD_CONFIG",
            )
        ]
    return parse(content, file, environ)


def parse(
    content: bytes, file: Path, environ: Mapping[str, str] = os.environ
) -> Config | list[Mistake]:
    """As `load`, with the content of the file given."""
    try:
        # The byte order mark of some editors does no harm.
        document = tomllib.loads(content.decode("utf-8-sig"))
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        return [Mistake(str(file), f"line {line}: is not UTF-8 text; save the file as UTF-8")]
    except (ValueError, RecursionError) as error:
        found = _TOML_PLACE.fullmatch(str(error))
        what = f"{found[2]}: {found[1]}" if found else str(error)
        cure = 'TOML is written key = value, texts in "quotes", one to a line'
        return [Mistake(str(file), f"{what}; {cure}")]
    return _config(document, Reading(file.absolute().parent, environ), file)


def _config(document: dict[str, Any], reading: Reading, file: Path) -> Config | list[Mistake]:
    for key in document:
        if key not in KEYS:
            reading.refuse(unknown(key, KEYS), key)
    spool, journal, observe, retention, events, reports, policy = (
        reading.fields(name, reading.table(document.get(name, {}), name), name)
        for name in ("spool", "journal", "observe", "retention", "events", "reports", "policy")
    )
    control = observe.get("control")
    if control and len(os.fsencode(control)) > _SOCKET_PATH_LIMIT:
        reading.refuse(
            f"is too long for a socket; choose a path of at most {_SOCKET_PATH_LIMIT} octets",
            *("observe", "control"),
        )
    has_accounts = any(document.get(kind) for kind in ("http", "contacts"))
    links = read_links(reading, document.get("link", {}), required=not has_accounts)
    routing = reading.table(document.get("routing", {}), "routing")
    routes = read_routes(reading, routing, links)
    accounts = read_accounts(reading, document, links)
    names = [each["name"] for each in (*links, *accounts.http, *accounts.contacts)]
    prices = read_prices(reading, document.get("prices", {}), names)
    outlets = read_outlets(reading, document)
    optout = read_optout(reading, document)
    quiet = read_quiet(reading, document.get("quiet", []))
    smstools = read_smstools(reading, document, names, wanted=bool(spool.get("compat")))
    if reading.mistakes:
        return [replace(mistake, file=file) for mistake in reading.mistakes]
    return Config(
        file=file,
        spool=SpoolConfig(**spool),
        journal=JournalConfig(**journal),
        links=tuple(LinkConfig(**link) for link in links),
        http=tuple(HttpConfig(**each) for each in accounts.http),
        contacts=tuple(ContactsConfig(**each) for each in accounts.contacts),
        chat=None if accounts.chat is None else ChatConfig(**accounts.chat),
        routing=RoutingConfig(routes=tuple(routes)),
        optout=optout,
        quiet=quiet,
        policy=PolicyConfig(**policy),
        smstools=smstools,
        observe=ObserveConfig(**observe),
        retention=RetentionConfig(**retention),
        prices=prices,
        reports=ReportsConfig(**reports),
        events=EventsConfig(**events),
        webhooks=tuple(WebhookConfig(**each) for each in outlets.webhooks),
        hooks=tuple(HookConfig(**each) for each in outlets.hooks),
    )
