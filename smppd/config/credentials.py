"""The passwords and tokens, which never stand in the configuration and never in a mistake's text.

Reads the file or the environment when asked, so that a changed password is found. Raises
nothing.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from smppd.config.accounts import AccountConfig
from smppd.config.mistakes import Mistake, Reading, dotted
from smppd.config.outlets import WebhookConfig
from smppd.config.sections import LinkConfig
from smppd.smpp.fields import LONG_CREDENTIAL_SIZE

#: SMPP 3.4, 5.2.2: at most 9 octets with the final NUL.
PASSWORD_LIMIT = 8

#: No password is longer: whoever names a larger file has named the wrong one.
_FILE_LIMIT = 4096

#: Characters of a password or token that goes over HTTP.
SECRET_LIMIT = 1024


def find_credential(
    reading: Reading, name: str, table: dict[str, Any], given: dict[str, Any]
) -> None:
    """A file beside the configuration may be a credential which systemd hands to this unit: one that is
    named without a folder, and one named with it that the daemon's user may not read itself."""
    folder, file = reading.environ.get("CREDENTIALS_DIRECTORY"), given.get(name)
    if not folder or not isinstance(file, Path):
        return
    beside = Path(table[name]).is_absolute() and file.parent == reading.folder.absolute()
    if "/" not in table[name] or (beside and not os.access(file, os.R_OK)):
        credential = Path(folder) / file.name
        if _is_handed_over(credential):
            given[name] = credential


def _is_handed_over(credential: Path) -> bool:
    """Whether it is there, and not what the unit has in its stead so that the daemon can say what is missing."""
    try:
        with credential.open("rb") as opened:
            return opened.read(2) != b"\n"
    except OSError:
        return False


def read_password(link: LinkConfig, environ: Mapping[str, str] = os.environ) -> str | Mistake:
    """The password of a link, without its final newline, or why there is none."""
    key = ("link", link.name, "password")
    found = _secret(link.password_file, link.password_env, key, environ)
    if not isinstance(found, _Found):
        return found or ""
    password = found.content.decode("latin-1")
    why = _fault(password, long_allowed=link.long_credentials)
    return Mistake(found.key, why) if why else password


def read_secret(
    account: AccountConfig | WebhookConfig, environ: Mapping[str, str] = os.environ
) -> str | Mistake:
    """The password, token or secret of what is reached over HTTP, or why there is none."""
    what = account.credential
    key = (account.kind, account.name, what)
    found = _secret(account.credential_file, account.credential_env, key, environ)
    if not isinstance(found, _Found):
        return found or ""
    try:
        secret = found.content.decode()
    except UnicodeDecodeError:
        return Mistake(found.key, f"the {what} is not UTF-8 text; save it as UTF-8")
    why = _fault_over_http(secret, ascii_alone=what == "token")
    return Mistake(found.key, f"the {what} {why}") if why else secret


class _Found(NamedTuple):
    """A secret's octets without their final newline, and the key that says where they were."""

    key: str
    content: bytes


def _secret(
    file: Path | None, variable: str | None, key: tuple[str, str, str], environ: Mapping[str, str]
) -> _Found | Mistake | None:
    """What stands in the file or the environment; None when neither is named."""
    section, name, what = key
    content: bytes | str
    if file is not None:
        place = dotted(section, name, f"{what}_file")
        content = _from_file(file, what)
    elif variable is not None:
        place = dotted(section, name, f"{what}_env")
        if variable not in environ:
            return Mistake(place, "names a variable that is not set; set it before smppd starts")
        content = environ[variable].encode(errors="surrogateescape")
    else:
        return None
    if isinstance(content, str):
        return Mistake(place, content)
    return _Found(place, content.removesuffix(b"\n").removesuffix(b"\r"))


def _from_file(file: Path, what: str) -> bytes | str:
    """The content, or what is wrong with the file."""
    try:
        with file.open("rb") as opened:
            content = opened.read(_FILE_LIMIT + 1)
    except (OSError, ValueError) as error:
        why = getattr(error, "strerror", None) or str(error)
        return (
            f"cannot read {file} ({why}); write the {what} into it, readable by the user that"
            " smppd runs as, or hand it in with systemd's LoadCredential="
        )
    if len(content) > _FILE_LIMIT:
        return f"{file} is far too large; it must hold the {what} and nothing else"
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


def _fault_over_http(secret: str, *, ascii_alone: bool) -> str:
    """What is wrong with a password or token, without a character of it."""
    if not secret:
        return "is empty; fill it in"
    if "\n" in secret:
        return "has more than one line; leave only the one that it is"
    if ascii_alone and not (secret.isascii() and secret.isprintable() and " " not in secret):
        return "has characters that no HTTP header can carry; copy it again from the provider"
    if not secret.isprintable():
        return "has characters that cannot be printed (a NUL or a tab, say); write it anew"
    if len(secret) > SECRET_LIMIT:
        return f"has {len(secret)} characters, more than the {SECRET_LIMIT} that are allowed"
    return ""


def too_long(length: int, limit: int) -> str:
    """Why a credential is refused, and the cure. It is never cut: the SMSC would not know it."""
    return (
        f"has {length} characters, more than the {limit} that are allowed;"
        " ask the provider for a shorter one, or set long_credentials = true (up to 255)"
    )
