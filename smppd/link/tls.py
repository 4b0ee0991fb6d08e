"""TLS round a connection to an SMSC: the handshake, and what its failures mean.

SMPP has no STARTTLS: a port speaks TLS from its first octet or never. Knows nothing of SMPP.
What goes wrong is a sentence for the operator, not an exception.
"""

from __future__ import annotations

import ssl
from types import MappingProxyType

import trio

from smppd.config import LinkConfig

#: How long a handshake may take, in seconds.
HANDSHAKE_TIMEOUT = 10.0

#: A certificate that is valid for less than this is spoken of, in seconds.
EXPIRES_SOON = 14 * 86_400.0

#: What `tls_verify = false` means.
UNVERIFIED = (
    "tls_verify = false: whoever answers at the host's address gets the password and the messages;"
    " set tls_ca_file or tls_server_name instead"
)

#: OpenSSL's codes for what is wrong with a certificate (X509_V_ERR_…).
_NOT_YET_VALID, _EXPIRED = 9, 10
_UNKNOWN_CA = frozenset({2, 18, 19, 20, 21})
_OTHER_NAME = frozenset({62, 64})

_CHECK_PORT = "check that the port is one for TLS, and set tls = false where it is not"
_NO_TLS = f"the SMSC does not speak TLS there: {_CHECK_PORT}"
_OLD_TLS = "the SMSC speaks no TLS of version 1.2 or later: the provider must allow it"
_ENDED = (
    f"the SMSC ended the TLS handshake: {_CHECK_PORT}; or it wants a certificate from us"
    " (tls_cert_file)"
)
_OURS_WANTED = (
    "the SMSC wants a certificate from us: set tls_cert_file and tls_key_file to the one that the"
    " provider knows"
)
_OURS_REFUSED = (
    "the SMSC refuses the handshake or our certificate: check tls_cert_file with the provider"
)
_UNNAMED = "the SMSC knows no such name: correct tls_server_name, or the host"

#: What OpenSSL calls failures, the alerts with which a server tells its view among them.
_MEANS = MappingProxyType(
    {
        "WRONG_VERSION_NUMBER": _NO_TLS,
        "UNKNOWN_PROTOCOL": _NO_TLS,
        "HTTP_REQUEST": _NO_TLS,
        "PACKET_LENGTH_TOO_LONG": _NO_TLS,
        "RECORD_LAYER_FAILURE": _NO_TLS,
        "UNEXPECTED_MESSAGE": _NO_TLS,
        "UNSUPPORTED_PROTOCOL": _OLD_TLS,
        "TLSV1_ALERT_PROTOCOL_VERSION": _OLD_TLS,
        "TLSV13_ALERT_CERTIFICATE_REQUIRED": _OURS_WANTED,
        "SSLV3_ALERT_HANDSHAKE_FAILURE": _OURS_REFUSED,
        "SSLV3_ALERT_BAD_CERTIFICATE": _OURS_REFUSED,
        "SSLV3_ALERT_UNSUPPORTED_CERTIFICATE": _OURS_REFUSED,
        "SSLV3_ALERT_CERTIFICATE_REVOKED": _OURS_REFUSED,
        "SSLV3_ALERT_CERTIFICATE_EXPIRED": _OURS_REFUSED,
        "SSLV3_ALERT_CERTIFICATE_UNKNOWN": _OURS_REFUSED,
        "TLSV1_ALERT_UNKNOWN_CA": _OURS_REFUSED,
        "TLSV1_ALERT_ACCESS_DENIED": _OURS_REFUSED,
        "TLSV1_UNRECOGNIZED_NAME": _UNNAMED,
    }
)

#: What comes first from a port that speaks something else, and what to do about it.
_LOOKS_LIKE = (
    (b"\x15\x03", "this looks like a TLS port: set tls = true"),
    (b"\x16\x03", "this looks like a TLS port: set tls = true"),
    (b"HTTP", "this looks like an HTTP server: check host and port"),
    (b"SSH-", "this looks like an SSH server: check host and port"),
)


def looks_like(first: bytes) -> str:
    """The cure, when the first octets from a peer tell that it does not speak plain SMPP."""
    return next((cure for octets, cure in _LOOKS_LIKE if first.startswith(octets)), "")


async def secure(
    stream: trio.abc.Stream, context: ssl.SSLContext, name: str
) -> trio.SSLStream[trio.abc.Stream] | str:
    """Do the handshake for a server of this name; the secured stream, or why there is none.

    Owns the stream it is given until it returns one. A peer that closes without close_notify
    has just closed: the unbind of SMPP says how a session ends.
    """
    secured = trio.SSLStream(stream, context, server_hostname=name, https_compatible=True)
    why = f"no TLS handshake within {HANDSHAKE_TIMEOUT:g} s: {_CHECK_PORT}"
    done = False
    try:
        with trio.move_on_after(HANDSHAKE_TIMEOUT):
            await secured.do_handshake()
            done = True
    except trio.BrokenResourceError as error:
        why = explain(error.__cause__ or error, name)
    finally:
        if not done:
            await trio.aclose_forcefully(stream)
    return secured if done else why


def explain(error: BaseException, name: str = "") -> str:
    """What a failure of TLS means, with the cure; `name` is that of the server, if known."""
    if isinstance(error, ssl.SSLCertVerificationError):
        return _about_theirs(error, name)
    reason = getattr(error, "reason", None) or ""
    if isinstance(error, ssl.SSLEOFError) or not reason:
        return _ENDED
    return _MEANS.get(
        reason, f"TLS failed ({_plain(reason)}): ask the provider what TLS the SMSC wants"
    )


def _about_theirs(error: ssl.SSLCertVerificationError, name: str) -> str:
    code = error.verify_code
    if code in _OTHER_NAME:
        return (
            f"the SMSC's certificate is not for {name}: set tls_server_name to the name that"
            " it is for, or correct the host"
        )
    if code == _EXPIRED:
        return (
            "the SMSC's certificate has expired: the provider must renew it; check the clock of"
            " this machine, too"
        )
    if code == _NOT_YET_VALID:
        return "the SMSC's certificate is not valid yet: check the clock of this machine"
    if code in _UNKNOWN_CA:
        return (
            f"no CA that we trust has signed the SMSC's certificate ({error.verify_message}): set"
            " tls_ca_file to the provider's CA"
        )
    return f"the SMSC's certificate cannot be trusted ({error.verify_message}): ask the provider"


def _plain(reason: str) -> str:
    return reason.replace("_", " ").lower()


def server_name(link: LinkConfig, host: str) -> str:
    """The name that the SMSC's certificate must be for."""
    return link.tls_server_name or host.rstrip(".")


def certificate_expiry(stream: trio.abc.Stream) -> float | None:
    """Until when the certificate of the other end is valid, in seconds since the epoch; None
    without TLS, or when it was not verified."""
    if not isinstance(stream, trio.SSLStream):
        return None
    until = (stream.getpeercert() or {}).get("notAfter")
    return None if until is None else float(ssl.cert_time_to_seconds(until))
