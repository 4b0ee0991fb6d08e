"""Whether a request comes from who looks, or from a page of elsewhere that is open in his browser. Pure.

What listens on loopback is not reached from elsewhere, but browsers are here: a page of elsewhere has them
ask for it, and reads the answer where its name suddenly means 127.0.0.1 (DNS rebinding). Browsers say under
which name they ask, and for whom (RFC 9110, 7.2; Fetch Metadata).
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from ipaddress import ip_address

#: The name that is this machine's everywhere (RFC 6761, 6.3).
LOCALHOST = "localhost"


def why_astray(headers: Iterable[tuple[bytes, bytes]], names: Collection[str] | None) -> str:
    """Why this request is not answered, with the cure; empty when it is.

    `names` are those under which this server may be asked, addresses aside; None for any.
    """
    found = {name: value.decode("latin-1").strip().lower() for name, value in headers}
    if names is not None and b"host" in found and not _is_known(found[b"host"], names):
        return (
            "asked for under a name that is not this machine's: ask for 127.0.0.1 or localhost, and have"
            " a proxy in front of it set Host to localhost"
        )
    of_elsewhere = found.get(b"sec-fetch-site", "") in {"cross-site", "same-site"}
    if of_elsewhere and found.get(b"sec-fetch-mode") != "navigate":
        return "asked for by a page of another site: open this one by itself"
    return ""


def is_loopback(address: str) -> bool:
    """Whether nobody but this machine reaches it."""
    return ip_address(address.partition("%")[0]).is_loopback


def _is_known(host: str, names: Collection[str]) -> bool:
    name = host[1:].partition("]")[0] if host.startswith("[") else host.partition(":")[0]
    try:
        ip_address(name)
    except ValueError:
        return name.removesuffix(".") in names
    return True
