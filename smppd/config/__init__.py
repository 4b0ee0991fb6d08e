"""The configuration: a TOML file parsed once into typed values.

`load` gives a `Config` or every mistake at once; `read_password` and `read_secret` give what is
too secret for either. Knows nothing of the parts that are configured. Raises nothing.
"""

from __future__ import annotations

from smppd.config.accounts import AccountConfig, ChatChannel, ChatConfig, ContactsConfig, HttpConfig
from smppd.config.changes import Change, bound_anew_for, changes_between, refusals
from smppd.config.credentials import read_password, read_secret
from smppd.config.mistakes import Mistake
from smppd.config.optout import OptOutConfig
from smppd.config.outlets import EventsConfig, HookConfig, WebhookConfig
from smppd.config.policy import PolicyConfig
from smppd.config.prices import Prices
from smppd.config.reading import find_config, load, parse
from smppd.config.reports import Html, ReportsConfig
from smppd.config.retention import RetentionConfig
from smppd.config.rules import Address
from smppd.config.secrets import read_secrets, secret_keys
from smppd.config.sections import (
    BindClass,
    Config,
    JournalConfig,
    LinkConfig,
    LogLevel,
    ObserveConfig,
    RouteConfig,
    RoutingConfig,
    SpoolConfig,
    Times,
)
from smppd.config.smstools import SmstoolsConfig
from smppd.config.terms import TextTerms, TonNpi
from smppd.config.tls import account_tls, tls_context

__all__ = [
    "AccountConfig",
    "Address",
    "BindClass",
    "Change",
    "ChatChannel",
    "ChatConfig",
    "Config",
    "ContactsConfig",
    "EventsConfig",
    "HookConfig",
    "Html",
    "HttpConfig",
    "JournalConfig",
    "LinkConfig",
    "LogLevel",
    "Mistake",
    "ObserveConfig",
    "OptOutConfig",
    "PolicyConfig",
    "Prices",
    "ReportsConfig",
    "RetentionConfig",
    "RouteConfig",
    "RoutingConfig",
    "SmstoolsConfig",
    "SpoolConfig",
    "TextTerms",
    "Times",
    "TonNpi",
    "WebhookConfig",
    "account_tls",
    "bound_anew_for",
    "changes_between",
    "find_config",
    "load",
    "parse",
    "read_password",
    "read_secret",
    "read_secrets",
    "refusals",
    "secret_keys",
    "tls_context",
]
