"""The sections of the configuration: every key with its type, its rule and its default.

A field with a rule is a key of the file (`from_` is the key `from`). The constructors check
nothing, so that tests and the demo can build a configuration in code; what comes from a file has
passed `reading`. Times are seconds, sizes octets. No secret is ever held here.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Annotated, Literal, NamedTuple, get_args, get_origin, get_type_hints

from smppd.config.accounts import AccountConfig, ChatConfig, ContactsConfig, HttpConfig
from smppd.config.optout import OptOutConfig
from smppd.config.outlets import EventsConfig, HookConfig, WebhookConfig
from smppd.config.policy import PolicyConfig
from smppd.config.prices import Prices
from smppd.config.quiet import QUIET_KEYS, QuietConfig
from smppd.config.reports import ReportsConfig
from smppd.config.retention import RetentionConfig
from smppd.config.rules import (
    Address,
    Rule,
    choice,
    country,
    duration,
    flag,
    listener,
    local_address,
    number,
    path,
    sender,
    server_name,
    size,
    text,
    variable,
    whole,
)
from smppd.config.smstools import SmstoolsConfig
from smppd.config.terms import STANDARD_TON_NPI, DataCoding0, Split, TextTerms, TonNpi
from smppd.config.web_rules import words

Bind = Literal["transceiver", "transmitter", "receiver", "transmitter+receiver"]
#: How receipts name messages: see `ledger.message_ids.Form`.
MessageIdForm = Literal["auto", "exact", "folded", "hex-decimal", "decimal-hex"]
WhenUnknown = Literal["hold", "resend", "fail"]
#: How schedule_delivery_time and validity_period are written.
Times = Literal["absolute", "relative", "omit"]
#: Who holds a message until its `send_at`.
Schedule = Literal["local", "smsc"]
#: What to do about a command_status.
StatusClass = Literal[
    "retry",
    "retry_later",
    "throttle",
    "queue_full",
    "permanent",
    "permanent_unknown",
    "reconnect",
    "operator",
]
#: What to do about a command_status that refuses a bind.
BindClass = Literal["retry_later", "already_bound", "credentials", "operator"]
#: The lanes of a message, by the names that people give them.
PRIORITIES = ("high", "normal", "bulk")
LogFormat = Literal["auto", "json", "console"]
LogLevel = Literal["debug", "info", "warning", "error"]

_Timeout = Annotated[float, duration("10ms", "1d")]
_Delay = Annotated[float, duration("10ms", "7d")]


@dataclass(frozen=True, slots=True, kw_only=True)
class SpoolConfig:
    """`[spool]`: where messages are handed in and results come out."""

    path: Annotated[Path, path] = Path("/var/spool/smppd")
    poll_interval: Annotated[float, duration("10ms", "1h")] = 1.0
    settle: Annotated[float, duration("0s", "1h")] = 2.0
    report_after: Annotated[float, duration("1s", "90d")] = 72 * 3600.0
    receipt_wait: Annotated[float, duration("1s", "3650d")] = 14 * 86_400.0
    dedupe_window: Annotated[float, duration("0s", "90d")] = 7 * 86_400.0
    max_line: Annotated[int, size("1KiB", "64MiB")] = 1 << 20
    default_country: Annotated[str, country] = ""
    reassembly_timeout: Annotated[float, duration("1s", "30d")] = 86_400.0
    compat: Annotated[str, choice("", "smstools")] = ""
    min_free: Annotated[int, size("0B", "1024GiB")] = 256 << 20


@dataclass(frozen=True, slots=True, kw_only=True)
class JournalConfig:
    """`[journal]`: where the truth is kept."""

    path: Annotated[Path, path] = Path("/var/lib/smppd/journal.db")
    api_history: Annotated[float, duration("0s", "3650d")] = 30 * 86_400.0


@dataclass(frozen=True, slots=True, kw_only=True)
class LinkConfig:
    """`[link.NAME]`: one account at an SMSC.

    `hosts` are tried in turn (keys `host`, `port` and `hosts`). A file names exactly one of
    `password_file` and `password_env`; a link built in code with neither has no password.
    `status` maps a command_status to the class that overrides ours, `bind_status` one that refuses
    a bind. `fallback_after` is when messages of `fallback_priorities` leave over the HTTP account
    `fallback_via` while it is not bound (0: never), `status_via` the HTTP account that knows its
    message_ids, too (empty: none does); a file may leave `fallback_via` out for the first account.
    Links with the same `smsc_account` are binds of one account: message_ids are common to them.
    `text_terms` gathers the keys that shape the octets of a message; `default_country` empty is
    that of `[spool]`.
    """

    name: str
    hosts: tuple[Address, ...]
    system_id: Annotated[str, text(shortest=1)]
    password_file: Annotated[Path | None, path] = None
    password_env: Annotated[str | None, variable] = None
    system_type: Annotated[str, text(12)] = ""
    service_type: Annotated[str, text(5)] = ""
    interface_version: Annotated[str, choice("3.3", "3.4", "5.0")] = "3.4"
    long_credentials: Annotated[bool, flag] = False
    bind: Annotated[Bind, choice(*get_args(Bind))] = "transceiver"
    sessions: Annotated[int, whole(1, 100)] = 1
    window: Annotated[int, whole(1, 10_000)] = 10
    rate: Annotated[float, number(1_000_000)] = 0.0
    local_address: Annotated[str, local_address] = ""
    tls: Annotated[bool, flag] = False
    tls_ca_file: Annotated[Path | None, path] = None
    tls_cert_file: Annotated[Path | None, path] = None
    tls_key_file: Annotated[Path | None, path] = None
    tls_server_name: Annotated[str, server_name] = ""
    tls_verify: Annotated[bool, flag] = True
    rate_floor: Annotated[float, number(1_000_000, least=0.1)] = 1.0
    from_: Annotated[str, sender] = ""
    data_coding_0: Annotated[DataCoding0, choice(*get_args(DataCoding0))] = "gsm7"
    split: Annotated[Split, choice(*get_args(Split))] = "udh8"
    max_parts: Annotated[int, whole(1, 255)] = 255
    transliterate: Annotated[bool, flag] = False
    default_country: Annotated[str, country] = ""
    tlvs: Annotated[bool, flag] = True
    smsc_account: Annotated[str, text()] = ""
    message_id_form: Annotated[MessageIdForm, choice(*get_args(MessageIdForm))] = "auto"
    accepted_is_final: Annotated[bool, flag] = False
    receipts_by_text: Annotated[bool, flag] = False
    user_message_reference: Annotated[bool, flag] = False
    bind_timeout: _Timeout = 30.0
    response_timeout: _Timeout = 60.0
    enquire_link_interval: _Timeout = 30.0
    enquire_link_timeout: _Timeout = 10.0
    reconnect_min: _Timeout = 1.0
    reconnect_max: _Timeout = 60.0
    drain_timeout: Annotated[float, duration("0s", "1h")] = 30.0
    on_unknown: Annotated[WhenUnknown, choice(*get_args(WhenUnknown))] = "hold"
    max_attempts: Annotated[int, whole(1, 1000)] = 5
    retry_min: _Delay = 30.0
    retry_max: _Delay = 600.0
    first_sequence_number: Annotated[int, whole(1, 0x7FFFFFFF)] = 1
    max_pdu_length: Annotated[int, size("1KiB", "16MiB")] = 128 << 10
    query_sm: Annotated[bool, flag] = False
    query_after: _Delay = 600.0
    cancel_sm: Annotated[bool, flag] = False
    times: Annotated[Times, choice(*get_args(Times))] = "absolute"
    schedule: Annotated[Schedule, choice(*get_args(Schedule))] = "local"
    fallback_after: Annotated[float, duration("0s", "7d")] = 0.0
    fallback_via: Annotated[str, text()] = ""
    fallback_priorities: Annotated[tuple[str, ...], words(*PRIORITIES)] = ("high", "normal")
    status_via: Annotated[str, text()] = ""
    status: Mapping[int, StatusClass] = field(default_factory=dict, hash=False)
    bind_status: Mapping[int, BindClass] = field(default_factory=dict, hash=False)
    ton_npi: TonNpi = STANDARD_TON_NPI
    text_terms: TextTerms = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        """Put together what shapes a message, so that links can be compared by it."""
        terms = TextTerms(
            self.data_coding_0,
            self.split,
            self.max_parts,
            self.transliterate,
            self.tlvs and self.interface_version != "3.3",
            self.ton_npi,
        )
        object.__setattr__(self, "text_terms", terms)

    @property
    def binds(self) -> tuple[str, ...]:
        """The kinds of its sessions, `sessions` of each: one, or two for a pair."""
        return tuple(self.bind.split("+"))


@dataclass(frozen=True, slots=True, kw_only=True)
class RouteConfig:
    """`[[routing.route]]`: which messages it takes, and over which links they go.

    A message is taken when it meets every condition that is given: `to` begins with one of these
    digits, the sender is one of `from_`, each of `fields` has this value. `links` are in the order
    of preference, or share the messages by `weights`.
    """

    name: str
    links: tuple[str, ...]
    to: tuple[str, ...] = ()
    from_: tuple[str, ...] = ()
    fields: Mapping[str, str | bool | int | float] = field(default_factory=dict, hash=False)
    weights: tuple[int, ...] = ()
    failover_after: float = 10.0

    @property
    def pool(self) -> str:
        """The name of its queues in the journal: no link has such a name."""
        return f"route:{self.name}"


@dataclass(frozen=True, slots=True, kw_only=True)
class RoutingConfig:
    """`[routing]`: the routes, of which the first that fits takes a message; with none that fits
    it goes over the first link."""

    routes: tuple[RouteConfig, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class ObserveConfig:
    """`[observe]`: how the daemon is watched and spoken to. `listen` is None when switched off; members
    of the group `operators` may command, whoever else opens the socket may look."""

    listen: Annotated[Address | None, listener] = ("127.0.0.1", 9775)
    control: Annotated[Path, path] = Path("/run/smppd/control.sock")
    operators: Annotated[str, text(32)] = ""
    log_level: Annotated[LogLevel, choice(*get_args(LogLevel))] = "info"
    log_format: Annotated[LogFormat, choice(*get_args(LogFormat))] = "auto"
    log_content: Annotated[bool, flag] = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Config:
    """All of it. `file`: where it was read, as that was named; None for nowhere."""

    spool: SpoolConfig = field(default_factory=SpoolConfig)
    journal: JournalConfig = field(default_factory=JournalConfig)
    links: tuple[LinkConfig, ...] = ()
    http: tuple[HttpConfig, ...] = ()
    contacts: tuple[ContactsConfig, ...] = ()
    chat: ChatConfig | None = None
    routing: RoutingConfig = field(default_factory=RoutingConfig)
    optout: OptOutConfig = field(default_factory=OptOutConfig)
    smstools: SmstoolsConfig = field(default_factory=SmstoolsConfig)
    quiet: tuple[QuietConfig, ...] = ()
    policy: PolicyConfig = field(default_factory=PolicyConfig)
    observe: ObserveConfig = field(default_factory=ObserveConfig)
    retention: RetentionConfig = field(default_factory=RetentionConfig)
    prices: Prices = field(default_factory=Prices)
    reports: ReportsConfig = field(default_factory=ReportsConfig)
    events: EventsConfig = field(default_factory=EventsConfig)
    webhooks: tuple[WebhookConfig, ...] = ()
    hooks: tuple[HookConfig, ...] = ()
    file: Path | None = field(default=None, compare=False)

    @property
    def chat_account(self) -> str:
        """The name of the account over which chats are fetched; empty for none."""
        if self.chat is None:
            return ""
        return self.chat.account or self.http[0].name

    @property
    def logs_calls_in_full(self) -> bool:
        """Whether texts may stand in the log of calls, which is kept."""
        return self.observe.log_content and not self.retention.drops_contents

    @property
    def accounts(self) -> tuple[AccountConfig, ...]:
        """The accounts of both HTTP APIs."""
        return (*self.http, *self.contacts)


class Key(NamedTuple):
    """A key's field in the section's class, and the rule for its value."""

    field: str
    check: Rule


def _rules(section: type[object]) -> Mapping[str, Key]:
    hints = get_type_hints(section, include_extras=True)
    return MappingProxyType(
        {
            name.rstrip("_"): Key(name, hint.__metadata__[0])
            for name, hint in hints.items()
            if get_origin(hint) is Annotated
        }
    )


#: Of each section, the keys that have a rule, by their names in the file.
RULES: Mapping[str, Mapping[str, Key]] = MappingProxyType(
    {
        "spool": _rules(SpoolConfig),
        "journal": _rules(JournalConfig),
        "link": _rules(LinkConfig),
        "http": _rules(HttpConfig),
        "contacts": _rules(ContactsConfig),
        "chat": _rules(ChatConfig),
        "optout": _rules(OptOutConfig),
        "smstools": _rules(SmstoolsConfig),
        "policy": _rules(PolicyConfig),
        "observe": _rules(ObserveConfig),
        "retention": _rules(RetentionConfig),
        "reports": _rules(ReportsConfig),
        "events": _rules(EventsConfig),
        "webhook": _rules(WebhookConfig),
        "hook": _rules(HookConfig),
    }
)

#: Keys that are no field of their own: they are read together, or are a table.
_READ_OTHERWISE: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "link": ("host", "port", "hosts", "status", "bind_status", "ton_npi"),
        "http": ("delivery_status",),
        "chat": ("channel",),
        "optout": ("senders",),
        "smstools": ("queues",),
    }
)

#: The keys of a route, and how long a link may be unable before another takes its place.
ROUTE_KEYS = ("name", "to", "from", "fields", "links", "weights", "failover_after")
failover_after = duration("100ms", "1d")

#: Of each section, every key it may have.
KEYS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {section: (*_READ_OTHERWISE.get(section, ()), *known) for section, known in RULES.items()}
    | {"routing": ("route",), "quiet": QUIET_KEYS, "prices": ("currency", "default", "via")}
)
