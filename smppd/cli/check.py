"""`smppd check`: the configuration, and everything it names, before the daemon needs it.

What a running daemon holds is no problem, and is not tried: a second bind beside its own could
take away its receipts, or be refused for its sake.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence
from itertools import product

import msgspec
import trio

from smppd.cli import account_check, link_check, outlet_check
from smppd.cli.findings import Finding, tell
from smppd.cli.places import (
    check_control,
    check_hosts,
    check_journal,
    check_listen,
    check_local_address,
    check_operators,
    check_secret,
    check_spool,
    lock_holder,
)
from smppd.cli.probe import try_bind
from smppd.cli.reach import check_host_of_url
from smppd.cli.settings import read_config
from smppd.cli.terminal import Terminal
from smppd.config import (
    ChatChannel,
    Config,
    LinkConfig,
    Mistake,
    find_config,
    read_password,
    read_secret,
    tls_context,
)
from smppd.control import ControlRefused, ControlUnavailable, ask
from smppd.figures import DaemonFigures
from smppd.link.tls import UNVERIFIED

_ASK_TIMEOUT = 5.0


class Running(msgspec.Struct, frozen=True):
    """A daemon that uses this configuration's spool, and which of its links are bound."""

    pid: str
    bound: frozenset[str] = frozenset()


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """See `cli.Command`."""
    parser.add_argument(
        "--connect",
        action="store_true",
        help="bind each link once at each of its hosts, and unbind again; make one call over each"
        " account of the HTTP API that changes nothing",
    )
    parser.add_argument("--json", action="store_true", help="print the findings as JSON")


def main(arguments: argparse.Namespace, terminal: Terminal) -> int:
    """See `cli.Command`. A mistake in the configuration gives 2, anything else that is wrong 1."""
    config = read_config(arguments)
    known = [Finding("configuration", True, str(find_config(arguments.config).absolute()))]
    known += configured(config)
    found = [
        *_places(config),
        *outlet_check.places(config),
        *map(check_host_of_url, config.accounts),
    ]
    if arguments.connect:
        found += _binds(config, _running(config))
        found += calls(config)
    if arguments.json:
        terminal.say_json(known + found)
    else:
        tell(known + found, terminal)
    if not all(each.ok for each in known):
        return 2
    return 0 if all(each.ok for each in found) else 1


def configured(config: Config) -> Iterator[Finding]:
    """What can be said without a network: secrets, what is verified against what, and over which links
    receipts come."""
    for link in config.links:
        yield _password(link)
    for link in config.links:
        if link.tls:
            yield _tls(link)
    yield from link_check.receipts(config)
    for account in config.accounts:
        yield from account_check.known(account, read_secret(account))
    yield from outlet_check.known(config)


def calls(config: Config) -> Iterator[Finding]:
    """One call over each account of the HTTP API, which changes nothing."""
    for account in config.accounts:
        channels = _channels(config, account.name)
        yield from account_check.call(account, read_secret(account), channels)


def _channels(config: Config, account: str) -> Sequence[ChatChannel]:
    """Those whose chats are fetched over this account."""
    if config.chat is None or account != config.chat_account:
        return ()
    return config.chat.channels


def _password(link: LinkConfig) -> Finding:
    what = f"link {link.name}, password"
    return check_secret(what, read_password(link), link.password_file, link.password_env)


def _tls(link: LinkConfig) -> Finding:
    what = f"link {link.name}, TLS"
    found = tls_context(link)
    if isinstance(found, Mistake):
        return Finding(what, False, str(found))
    if not link.tls_verify:
        return Finding(what, True, f"does not verify the SMSC: {UNVERIFIED}", doubtful=True)
    if link.tls_key_file is not None and link.tls_key_file.stat().st_mode & 0o007:
        says = f"is in {link.tls_key_file}, which every user may read: chmod o= would be wiser"
        return Finding(what, True, f"verifies the SMSC; our key {says}")
    trusted = link.tls_ca_file or "the CAs that this machine trusts"
    return Finding(what, True, f"verifies the SMSC against {trusted}")


def _running(config: Config) -> Running | None:
    """The daemon that works here, if one does."""
    try:
        answer = ask(config.observe.control, "status", timeout=_ASK_TIMEOUT)
        figures = msgspec.convert(answer, DaemonFigures, strict=False)
    except (ControlUnavailable, ControlRefused, msgspec.ValidationError):
        pid = lock_holder(config.spool.path / ".lock")
        return None if pid is None else Running(pid)
    return Running(str(figures.pid), frozenset(link.name for link in figures.links if link.bound))


def own_places(config: Config, *, alone: bool) -> Iterator[Finding]:
    """Spool, journal and sockets; `alone`: no daemon runs."""
    yield check_spool(config.spool.path)
    yield check_journal(config.journal.path)
    yield check_control(config.observe.control)
    if config.observe.operators:
        yield check_operators(config.observe.operators)
    if config.observe.listen is not None and alone:
        yield check_listen(config.observe.listen)


def _places(config: Config) -> Iterator[Finding]:
    running = _running(config)
    if running is not None:
        yield Finding("daemon", True, f"is running, pid {running.pid}")
    yield from own_places(config, alone=running is None)
    for link in config.links:
        yield from check_hosts(link)
        if link.local_address:
            yield check_local_address(link)


def _binds(config: Config, running: Running | None) -> Iterator[Finding]:
    for link in config.links:
        password = read_password(link)
        if running is not None and link.name in running.bound:
            yield Finding(f"link {link.name}, bind", True, "is bound by the running daemon")
        elif isinstance(password, str):
            for (host, port), bind in product(link.hosts, link.binds):
                yield trio.run(try_bind, link, host, port, password, bind)
