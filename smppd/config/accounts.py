"""The sections of what goes over HTTP: accounts at the provider's APIs, and chat.

As in `sections`: a field with a rule is a key of the file, times are seconds, and no secret is ever
held here.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, ClassVar, Literal, NamedTuple, get_args

from smppd.config.rules import (
    choice,
    country,
    duration,
    flag,
    number,
    path,
    sender,
    text,
    variable,
    whole,
)
from smppd.config.web_rules import printable, time_zone, url

#: The first word of an account's section.
Kind = Literal["http", "contacts"]
#: How user and password travel: among the parameters, or as HTTP Basic (RFC 7617).
Auth = Literal["form", "basic"]
#: What a word of the provider for a delivery status means for a message.
StatusWord = Literal["pending", "delivered", "undelivered", "expired", "rejected"]

DEFAULT_URL = "https://www.afilnet.com/api/http/"

_Delay = Annotated[float, duration("10ms", "7d")]


def plain_word(word: str) -> str:
    """A word for a delivery status as it is compared: neither case nor spacing count."""
    return " ".join(word.split()).casefold()


@dataclass(frozen=True, slots=True, kw_only=True)
class _Access:
    """What an account has at either API. `kind` is the first word of its section, `credential` what its
    secret is called; `rate` is requests per second, 0 for as fast as `connections` allow."""

    name: str
    insecure_http: Annotated[bool, flag] = False
    tls_ca_file: Annotated[Path | None, path] = None
    timeout: Annotated[float, duration("10ms", "1d")] = 30.0
    connections: Annotated[int, whole(1, 100)] = 4
    rate: Annotated[float, number(10_000)] = 0.0
    max_attempts: Annotated[int, whole(1, 1000)] = 5
    retry_min: _Delay = 5.0
    retry_max: _Delay = 600.0
    drain_timeout: Annotated[float, duration("0s", "1h")] = 30.0


@dataclass(frozen=True, slots=True, kw_only=True)
class HttpConfig(_Access):
    """`[http.NAME]`: one access to the provider's HTTP API.

    A file names exactly one of `password_file` and `password_env`; an account built in code with
    neither has no password. `time_zone` (IANA) is that of the provider's times; empty: they are
    passed on as they are. `status_after` is when the provider is first asked about what it took (0:
    never), `status_lot` how many messages one question names, `delivery_status` what its words mean.
    """

    kind: ClassVar[Kind] = "http"
    credential: ClassVar[str] = "password"

    url: Annotated[str, url] = DEFAULT_URL
    user: Annotated[str, printable(255)] = ""
    password_file: Annotated[Path | None, path] = None
    password_env: Annotated[str | None, variable] = None
    auth: Annotated[Auth, choice(*get_args(Auth))] = "form"
    from_: Annotated[str, sender] = ""
    default_country: Annotated[str, country] = ""
    time_zone: Annotated[str, time_zone] = ""
    status_after: Annotated[float, duration("0s", "7d")] = 0.0
    status_lot: Annotated[int, whole(1, 1000)] = 100
    delivery_status: Mapping[str, StatusWord] = field(default_factory=dict, hash=False)

    @property
    def credential_file(self) -> Path | None:
        """The file that holds the password."""
        return self.password_file

    @property
    def credential_env(self) -> str | None:
        """The variable that holds it instead."""
        return self.password_env


@dataclass(frozen=True, slots=True, kw_only=True)
class ContactsConfig(_Access):
    """`[contacts.NAME]`: one access to the second API, of contacts. Its token is its own."""

    kind: ClassVar[Kind] = "contacts"
    credential: ClassVar[str] = "token"

    url: Annotated[str, url] = ""
    token_file: Annotated[Path | None, path] = None
    token_env: Annotated[str | None, variable] = None

    @property
    def credential_file(self) -> Path | None:
        """The file that holds the token."""
        return self.token_file

    @property
    def credential_env(self) -> str | None:
        """The variable that holds it instead."""
        return self.token_env


#: An access to one of the two APIs.
AccountConfig = HttpConfig | ContactsConfig


class ChatChannel(NamedTuple):
    """One channel of the provider's chat."""

    platform: str
    platformid: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ChatConfig:
    """`[chat]`: the channels whose new messages are fetched, over an account (empty: the first).

    Every `reread` a conversation is read whole, whatever the list of conversations shows of it.
    """

    account: Annotated[str, text()] = ""
    poll_interval: Annotated[float, duration("1s", "1d")] = 30.0
    reread: Annotated[float, duration("1m", "30d")] = 3600.0
    channels: tuple[ChatChannel, ...] = ()
