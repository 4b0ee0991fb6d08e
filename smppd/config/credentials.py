"""The passwords, which never stand in the configuration and never in a mistake's text.

Reads the file or the environment when asked, so that a changed password is found. Raises
nothing.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from smppd.config.mistakes import Mistake, dotted
from smppd.config.sections import LinkConfig
from smppd.smpp.fields import LONG_CREDENTIAL_SIZE

#: SMPP 3.4, 5.2.2: at most 9 octets with the final NUL.
PASSWORD_LIMIT = 8

#: No password is longer: whoever names a larger file has named the wrong one.
_FILE_LIMIT = 4096


def read_password(link: LinkConfig, environ: Mapping[str, str] = os.environ) -> str | Mistake:
    """The password of a link, without its final newline, or why there is none."""
    if link.password_file is not None:
        key = dotted("link", link.name, "password_file")
        found = _from_file(link.password_file)
    elif link.password_env is not None:
        key = dotted("link", link.name, "password_env")
        found = environ.get(link.password_env, "").encode(errors="surrogateescape")
        if link.password_env not in environ:
            return Mistake(key, "names a variable that is not set; set it before smppd starts")
    else:
        return ""
    if isinstance(found, str):
        return Mistake(key, found)
    password = found.removesuffix(b"\n").removesuffix(b"\r").decode("latin-1")
    why = _fault(password, long_allowed=link.long_credentials)
    return Mistake(key, why) if why else password


def _from_file(file: Path) -> bytes | str:
    """The content, or what is wrong with the file."""
    try:
        with file.open("rb") as opened:
            content = opened.read(_FILE_LIMIT + 1)
    except (OSError, ValueError) as error:
        why = getattr(error, "strerror", None) or str(error)
        return (
            f"cannot read {file} ({why}); write the password into it, readable by the user that"
            " smppd runs as, or hand it in with systemd's LoadCredential="
        )
    if len(content) > _FILE_LIMIT:
        return f"{file} is far too large; it must hold the password and nothing else"
    return content


def _fault(password: str, *, long_allowed: bool) -> str:
    """What is wrong with a password, without a character of it."""
    if not password:
        return "the password is empty; fill it in"
    if "\n" in password:
        return "the password has more than one line; leave only the password"
    if not (password.isascii() and password.isprintable()):
        return (
            "the password has characters that are not printable ASCII (a NUL or an accent, say);"
            " ask the provider for another"
        )
    limit = LONG_CREDENTIAL_SIZE - 1 if long_allowed else PASSWORD_LIMIT
    return f"the password {too_long(len(password), limit)}" if len(password) > limit else ""


def too_long(length: int, limit: int) -> str:
    """Why a credential is refused, and the cure. It is never cut: the SMSC would not know it."""
    return (
        f"has {length} characters, more than the {limit} that are allowed;"
        " ask the provider for a shorter one, or set long_credentials = true (up to 255)"
    )
