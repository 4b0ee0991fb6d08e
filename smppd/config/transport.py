"""The keys of a link that say how its SMSC is reached: what they mean to one another.

Notes mistakes with the `Reading` it is given; raises nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from ipaddress import ip_address
from typing import Any

from smppd.config.mistakes import Reading
from smppd.config.rules import Address

#: Keys that say how TLS is done, and what they are when they say nothing.
_TLS_KEYS = (
    ("tls_ca_file", None),
    ("tls_cert_file", None),
    ("tls_key_file", None),
    ("tls_server_name", ""),
    ("tls_verify", True),
)


def check_transport(
    reading: Reading, given: dict[str, Any], hosts: Iterable[Address], key: Sequence[str]
) -> None:
    """Of the keys that are right by themselves, those that cannot go together."""
    if given.get("local_address"):
        _check_family(reading, given["local_address"], hosts, key)
    if not given.get("tls"):
        for name, nothing in _TLS_KEYS:
            if given.get(name, nothing) != nothing:
                reading.refuse(
                    "does nothing without tls = true; set that, or take this out", *key, name
                )
        return
    for name, other in (("tls_cert_file", "tls_key_file"), ("tls_key_file", "tls_cert_file")):
        if name in given and other not in given:
            reading.refuse(f"is missing beside {name}; name it, or take that out", *key, other)
    if "tls_ca_file" in given and not given.get("tls_verify", True):
        reading.refuse(
            "does nothing with tls_verify = false; keep one of the two", *key, "tls_ca_file"
        )


def _check_family(
    reading: Reading, local: str, hosts: Iterable[Address], key: Sequence[str]
) -> None:
    """Names are looked up when the link connects; addresses can be compared now."""
    version = ip_address(local).version
    for host, _ in filter(None, hosts):  # None has a mistake already
        try:
            other = ip_address(host).version
        except ValueError:
            continue
        if other != version:
            reading.refuse(
                f"is an IPv{version} address, and {host} is an IPv{other} one;"
                f" write an IPv{other} address of this machine",
                *(*key, "local_address"),
            )
            return
