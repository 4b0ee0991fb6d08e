"""What an error code of the provider's HTTP API means for the account that got it: our policy, as
data.

The documents give only the codes and their meanings; that some are about the account and not about
the call follows from these. Raises nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from smppd.provider.answers import (
    HTTP,
    INCORRECT_USER_PASSWORD,
    NO_CODE,
    NO_CREDITS,
    WRONG_URL,
    stops_account,
)
from smppd.provider.catalogue import COMMON_ERRORS, OPERATIONS

_CREDENTIALS = "check user and password_file (or password_env) of [http.{account}]"
_OPERATION = (
    "url of [http.{account}] may lead to another API; if only this one call is refused so, cancel it"
    " (smppd cancel)"
)
#: Of these codes either kind of account may get one.
_ADDRESS = "check url of [http.{account}], or of [contacts.{account}]: it may lead to another API"
_SECRETS = "check the credentials in [http.{account}], or the token in [contacts.{account}]"

#: What is to be done about the codes for which no call of the account can succeed.
_CURES: Mapping[str, str] = MappingProxyType(
    {
        NO_CREDITS: "buy credits from the provider",
        INCORRECT_USER_PASSWORD: _CREDENTIALS,
        "MISSING_USER": _CREDENTIALS,
        "MISSING_PASSWORD": _CREDENTIALS,
        "MISSING_CLASS": _OPERATION,
        "MISSING_METHOD": _OPERATION,
        "INCORRECT_CLASS": _OPERATION,
        "INCORRECT_METHOD": _OPERATION,
        WRONG_URL: _ADDRESS,
    }
)

_DOCUMENTED = frozenset(COMMON_ERRORS).union(*(each.errors for each in OPERATIONS.values()))


def account_cure(code: str, account: str) -> str | None:
    """What is to be done where a code is about the account; None where it is about the call."""
    if not stops_account(code):
        return None
    return _CURES.get(code, _SECRETS).replace("{account}", account)


def is_documented(code: str) -> bool:
    """Whether the provider's documents have this code, be it with another operation; or it is
    none of the provider's, but says what HTTP said."""
    return code in _DOCUMENTED or code == NO_CODE or code.startswith(HTTP)
