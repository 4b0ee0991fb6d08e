"""TLS as a link or an account wants it: from the files that its keys name, read anew whenever asked.

So a certificate that was renewed is found. What is wrong with a file comes back as a mistake;
nothing is raised. No key's content ever stands in a mistake's text.
"""

from __future__ import annotations

import ssl
from pathlib import Path

from smppd.config.accounts import AccountConfig
from smppd.config.mistakes import Mistake, dotted
from smppd.config.outlets import WebhookConfig
from smppd.config.sections import LinkConfig

_CERTIFICATE = b"-----BEGIN CERTIFICATE-----"
_KEY = b"PRIVATE KEY-----"
#: A bundle of every public CA has a quarter of this, in octets.
_FILE_LIMIT = 1 << 20


def tls_context(link: LinkConfig) -> ssl.SSLContext | Mistake:
    """What a connection of this link with `tls` is secured by: TLS 1.2 or later, the SMSC's
    certificate verified unless `tls_verify` says otherwise."""
    for name, file, marker, what in (
        ("tls_ca_file", link.tls_ca_file, _CERTIFICATE, "certificates of CAs"),
        ("tls_cert_file", link.tls_cert_file, _CERTIFICATE, "our certificate"),
        ("tls_key_file", link.tls_key_file, _KEY, "the private key"),
    ):
        if file is not None and (why := _fault(file, marker, what)):
            return Mistake(dotted("link", link.name, name), why)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    if not link.tls_verify:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    elif link.tls_ca_file is None:
        context.load_default_certs()
    elif why := _trust(context, link.tls_ca_file):
        return Mistake(dotted("link", link.name, "tls_ca_file"), why)
    if link.tls_cert_file is not None and link.tls_key_file is not None:
        why = _identify(context, link.tls_cert_file, link.tls_key_file)
        if why:
            return Mistake(dotted("link", link.name, "tls_key_file"), why)
    return context


def account_tls(account: AccountConfig | WebhookConfig) -> ssl.SSLContext | Mistake:
    """What an exchange over https is secured by: TLS 1.2 or later, the server's certificate verified
    against the CAs of `tls_ca_file`, or those that this machine trusts."""
    context, file = ssl.create_default_context(), account.tls_ca_file
    if file is not None:
        why = _fault(file, _CERTIFICATE, "certificates of CAs")
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        why = why or _trust(context, file)
        if why:
            return Mistake(dotted(account.kind, account.name, "tls_ca_file"), why)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    return context


def _fault(file: Path, marker: bytes, what: str) -> str:
    """What is wrong with a file at first sight, if anything."""
    try:
        with file.open("rb") as opened:
            content = opened.read(_FILE_LIMIT)
    except (OSError, ValueError) as error:
        why = getattr(error, "strerror", None) or str(error)
        return (
            f"cannot read {file} ({why}); put {what} there in PEM form, readable by the user that"
            " smppd runs as, or hand it in with systemd's LoadCredential="
        )
    if marker not in content:
        return f"{file} does not hold {what} in PEM form; convert it, or name another file"
    return ""


def _trust(context: ssl.SSLContext, file: Path) -> str:
    try:
        context.load_verify_locations(file)
    except (OSError, ValueError) as error:
        return f"{file} has a certificate that cannot be read ({_words(error)}); write it anew"
    return ""


def _identify(context: ssl.SSLContext, certificate: Path, key: Path) -> str:
    asked: list[bool] = []

    def passphrase() -> str:
        asked.append(True)
        return ""

    try:
        context.load_cert_chain(certificate, key, passphrase)
    except (OSError, ValueError) as error:
        if asked:
            return f"{key} wants a passphrase; store the key without one, readable by smppd alone"
        if getattr(error, "reason", None) == "KEY_VALUES_MISMATCH":
            return f"{key} does not belong to the certificate in {certificate}; name its own key"
        return f"{key} and {certificate} cannot be used ({_words(error)}); write them anew"
    return ""


def _words(error: Exception) -> str:
    reason = getattr(error, "reason", None) or getattr(error, "strerror", None) or str(error)
    return str(reason).replace("_", " ").lower()
