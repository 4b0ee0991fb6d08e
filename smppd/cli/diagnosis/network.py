"""What `doctor` looks at on the way to a server, one layer after the other: name, TCP, TLS, bind.

Each has its time; where one fails, those above it are not tried. Raises nothing; findings.
"""

from __future__ import annotations

import socket
import time
from dataclasses import replace
from time import gmtime, strftime
from typing import Any
from urllib.parse import urlsplit

import trio

from smppd.cli.findings import Finding
from smppd.cli.probe import try_bind
from smppd.config import (
    AccountConfig,
    LinkConfig,
    Mistake,
    WebhookConfig,
    account_tls,
    read_password,
)
from smppd.link.dial import CONNECT_TIMEOUT, Dialler, Unreachable, written
from smppd.link.tls import EXPIRES_SOON, certificate_expiry, secure

#: Seconds for a name; and how many are slow.
NAME_TIMEOUT = 10.0
SLOW_NAME = 2.0
#: Seconds for a bind at one host, whatever the link's own timeouts are.
BIND_TIMEOUT = 45.0
#: So many addresses of a host are tried.
_MOST_ADDRESSES = 4


async def look_at_link(link: LinkConfig, *, bound: bool) -> list[Finding]:
    """All hosts of a link; of one that a running daemon has `bound`, only their names."""
    found: list[Finding] = []
    for host, port in link.hosts:
        what = f"link {link.name}, host {written(host, port)}"
        finding, addresses = await look_up(what, host, port, "host name")
        found.append(finding)
        if bound:
            continue
        layers = [await _layers(link, host, each, port) for each in addresses[:_MOST_ADDRESSES]]
        found += [each for layer in layers for each in layer]
        if any(layer[-1].ok for layer in layers):
            found += await _binds(link, host, port)
    if bound:
        found.append(Finding(f"link {link.name}, bind", True, "is bound by the running daemon"))
    return found


async def look_at_url(section: AccountConfig | WebhookConfig) -> list[Finding]:
    """The server of the URL of an account or webhook; what is asked of it is none of ours."""
    parts = urlsplit(section.url)
    whose = f"{section.kind} {section.name}"
    host = parts.hostname or ""
    port = parts.port or (443 if parts.scheme == "https" else 80)
    finding, addresses = await look_up(f"{whose}, host {host}", host, port, "url")
    found = [finding]
    for address in addresses[:_MOST_ADDRESSES]:
        place = written(address, port)
        began = time.perf_counter()
        stream = await _connect(address, port)
        taken = 1000 * (time.perf_counter() - began)
        says = f"connects in {taken:,.0f} ms" if not isinstance(stream, str) else stream
        found.append(Finding(f"{whose}, TCP to {place}", not isinstance(stream, str), says))
        if isinstance(stream, str):
            continue
        if parts.scheme == "https":
            found.append(await _handshake(f"{whose}, TLS at {place}", stream, section, host))
        await trio.aclose_forcefully(stream)
    return found


async def _connect(address: str, port: int) -> trio.SocketStream | str:
    """A connection, or why there is none."""
    try:
        with trio.fail_after(CONNECT_TIMEOUT):
            return await trio.open_tcp_stream(address, port)
    except trio.TooSlowError:
        return "gives no answer: check the url and the firewall"
    except OSError as error:
        why = error.strerror or str(error.__cause__ or error)
        return f"cannot be reached ({why}): check the url, and whether the server runs"


async def _handshake(
    what: str, stream: trio.SocketStream, section: AccountConfig | WebhookConfig, host: str
) -> Finding:
    context = await trio.to_thread.run_sync(account_tls, section)
    if isinstance(context, Mistake):
        return Finding(what, False, str(context))
    secured = await secure(stream, context, host)
    if isinstance(secured, str):
        why = secured.partition(": ")[0].replace("SMSC", "server")
        return Finding(what, False, f"{why}: check the url, its certificate and tls_ca_file")
    return certificate(what, secured, time.time())


async def look_up(what: str, host: str, port: int, named: str) -> tuple[Finding, list[str]]:
    """The addresses of a host; `named` is where its name stands in the configuration."""
    began = trio.current_time()
    try:
        with trio.fail_after(NAME_TIMEOUT):
            found = await trio.socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except trio.TooSlowError:
        why = f"the DNS did not answer within {NAME_TIMEOUT:g} s"
        return Finding(what, False, f"{why}: look at /etc/resolv.conf and its servers"), []
    except (OSError, UnicodeError) as error:
        why = getattr(error, "strerror", None) or str(error)
        cure = f"check the {named} and the DNS"
        return Finding(what, False, f"cannot resolve it ({why}): {cure}"), []
    taken = trio.current_time() - began
    addresses = list(dict.fromkeys(str(place[0]) for *_, place in found))
    says = f"is {', '.join(addresses)}"
    if taken > SLOW_NAME:
        says = f"{says}, which took the DNS {taken:.1f} s: look at /etc/resolv.conf and its servers"
    return Finding(what, True, says, doubtful=taken > SLOW_NAME), addresses


async def _layers(link: LinkConfig, host: str, address: str, port: int) -> list[Finding]:
    """TCP, and TLS where there is any, at one address."""
    place = written(address, port)
    began = time.perf_counter()
    stream = await Dialler(replace(link, tls=False)).open(address, port)
    what = f"link {link.name}, TCP to {place}"
    if isinstance(stream, Unreachable):
        return [Finding(what, False, stream.reason)]
    await trio.aclose_forcefully(stream)
    connected = Finding(what, True, f"connects in {1000 * (time.perf_counter() - began):,.0f} ms")
    if not link.tls:
        return [connected]
    named = replace(link, tls_server_name=link.tls_server_name or host)
    secured = await Dialler(named).open(address, port)
    what = f"link {link.name}, TLS at {place}"
    if isinstance(secured, Unreachable):
        return [connected, Finding(what, False, secured.reason)]
    shown = certificate(what, secured, time.time())
    await trio.aclose_forcefully(secured)
    return [connected, shown]


def certificate(what: str, stream: trio.abc.Stream, now: float) -> Finding:
    """What the other end showed of itself; `now` is epoch seconds."""
    assert isinstance(stream, trio.SSLStream)
    version, (cipher, *_) = stream.version(), stream.cipher() or ("no cipher",)
    expires = certificate_expiry(stream)
    if expires is None:
        says = f"{version}, {cipher}; nobody knows with whom: remove tls_verify = false"
        return Finding(what, True, says, doubtful=True)
    shown: dict[str, Any] = stream.getpeercert() or {}
    names = ", ".join(str(name) for _, name in shown.get("subjectAltName", ())[:5])
    until = strftime("%Y-%m-%d", gmtime(expires))
    signed = _common_name(shown.get("issuer", ()))
    says = f"{version}, {cipher}; a certificate for {names}, signed by {signed}, until {until}"
    left = expires - now
    if left < EXPIRES_SOON:
        cure = "ask the provider to renew it"
        return Finding(what, True, f"{says}, {left / 86_400:.0f} days from now: {cure}", True)
    return Finding(what, True, says)


def _common_name(name: Any) -> str:
    """The most telling part of a distinguished name."""
    parts = {key: value for group in name for key, value in group}
    return next((parts[key] for key in ("commonName", "organizationName") if key in parts), "?")


async def _binds(link: LinkConfig, host: str, port: int) -> list[Finding]:
    password = await trio.to_thread.run_sync(read_password, link)
    if not isinstance(password, str):
        return []  # which has been told
    found = []
    for bind in link.binds:
        what = f"link {link.name}, bind at {written(host, port)}"
        done = Finding(what, False, f"came to no end within {BIND_TIMEOUT:g} s: ask the provider")
        with trio.move_on_after(BIND_TIMEOUT):
            done = await try_bind(link, host, port, password, bind)
        found.append(done)
    return found
