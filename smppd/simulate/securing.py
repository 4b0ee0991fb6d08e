"""TLS for what the simulation serves."""

from __future__ import annotations

import ssl


def secured(cert: str, key: str, ca: str = "") -> ssl.SSLContext | None:
    """What these files come to; None without a certificate. Raises OSError, with their names."""
    if not cert:
        return None
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    try:
        context.load_cert_chain(cert, key or None, lambda: "")
        if ca:
            context.verify_mode = ssl.CERT_REQUIRED
            context.load_verify_locations(ca)
    except OSError as error:
        why = error.strerror or error
        files = ", ".join(filter(None, (cert, key, ca)))
        raise OSError(error.errno, f"TLS with {files}: {why}") from error
    return context
