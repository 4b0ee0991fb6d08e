"""What an error code of the provider's HTTP API means for the account that got it: our policy, as
data.

The documents give only the codes and their meanings; that some are about the account and not about
the call follows from these. Raises nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from smppd.provider.answers import stops_account
from smppd.provider.catalogue import COMMON_ERRORS, OPERATIONS

#: In place of a code: no answer came that could be read.
NO_ANSWER = "NO_ANSWER"

_CREDENTIALS = "check user and password_file of [http.{account}], or ask the provider"
_ADDRESS = (
    "check url in [http.{account}]: it may lead to another API; if this one call alone is refused"
    " so, cancel it (smppd cancel)"
)

#: HTTP, and not the API, refuses every call.
_OUTSIDE = "check url and credentials of account {account}, or ask its provider"

#: The codes for which no call of the account can succeed until somebody has acted, and the cure.
_ACCOUNT: Mapping[str, str] = MappingProxyType(
    {
        "NO_CREDITS": "buy credits from the provider",
        "INCORRECT_USER_PASSWORD": _CREDENTIALS,
        "MISSING_USER": _CREDENTIALS,
        "MISSING_PASSWORD": _CREDENTIALS,
        "MISSING_CLASS": _ADDRESS,
        "MISSING_METHOD": _ADDRESS,
        "INCORRECT_CLASS": _ADDRESS,
        "INCORRECT_METHOD": _ADDRESS,
    }
)

_DOCUMENTED = frozenset(COMMON_ERRORS).union(*(each.errors for each in OPERATIONS.values()))


def account_cure(code: str, account: str) -> str | None:
    """What is to be done where a code is about the account; None where it is about the call."""
    cure = _ACCOUNT.get(code) or (_OUTSIDE if stops_account(code) else None)
    return None if cure is None else cure.replace("{account}", account)


def is_documented(code: str) -> bool:
    """Whether the provider's documents have this code, be it with another operation."""
    return code in _DOCUMENTED
