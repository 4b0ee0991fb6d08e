"""The sections of what leaves the daemon as events: `[events]`, `[webhook.NAME]`, `[hook.NAME]`.

As in `sections`: a field with a rule is a key of the file, times are seconds, sizes octets, and no
secret is ever held here. What the keys mean to one another: `outlet_keys`.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, ClassVar

from smppd.config.rules import Problem, duration, flag, path, shown, size, variable, whole
from smppd.config.web_rules import url_like, words

#: What may happen to a message, by the names that consumers know: see `outlets.happenings`.
EVENTS = ("accepted", "sent", "delivered", "failed", "unknown", "received", "reported")

_Delay = Annotated[float, duration("10ms", "7d")]


def _command(value: object) -> object:
    """A command and its arguments as a list: no shell takes it apart. Gives a tuple."""
    like = 'write a list like ["/usr/local/bin/on-event", "--crm"]'
    if not isinstance(value, list) or not value:
        return Problem(f"{shown(value)} is no command; {like}, no shell reads it")
    for each in value:
        if not isinstance(each, str) or "\0" in each:
            return Problem(f"{shown(each)} is no argument; write it as a text, in quotes")
    if not value[0].startswith("/"):
        return Problem(f'{shown(value[0])} does not begin with "/"; write the whole path')
    return tuple(value)


@dataclass(frozen=True, slots=True, kw_only=True)
class EventsConfig:
    """`[events]`: the stream of events in `events/` of the spool. `content`: with texts. A file is
    followed by the next when it is so large or old."""

    stream: Annotated[bool, flag] = False
    content: Annotated[bool, flag] = False
    rotate_size: Annotated[int, size("64KiB", "64GiB")] = 256 << 20
    rotate_every: Annotated[float, duration("1m", "90d")] = 86_400.0
    drain_timeout: Annotated[float, duration("0s", "10m")] = 10.0


@dataclass(frozen=True, slots=True, kw_only=True)
class WebhookConfig:
    """`[webhook.NAME]`: events are posted there in lots of at most `batch`, signed.

    A file names exactly one of `secret_file` and `secret_env`. What the other side refuses is
    given up when it is older than `give_up_after`; what it does not answer never is.
    """

    kind: ClassVar[str] = "webhook"
    credential: ClassVar[str] = "secret"

    name: str
    url: Annotated[str, url_like("https://shop.example.net/sms-events")] = ""
    secret_file: Annotated[Path | None, path] = None
    secret_env: Annotated[str | None, variable] = None
    insecure_http: Annotated[bool, flag] = False
    tls_ca_file: Annotated[Path | None, path] = None
    events: Annotated[tuple[str, ...], words(*EVENTS)] = EVENTS
    content: Annotated[bool, flag] = False
    batch: Annotated[int, whole(1, 10_000)] = 500
    timeout: Annotated[float, duration("10ms", "10m")] = 30.0
    retry_min: _Delay = 1.0
    retry_max: _Delay = 300.0
    give_up_after: Annotated[float, duration("1s", "90d")] = 6 * 3600.0

    @property
    def credential_file(self) -> Path | None:
        """The file that holds the secret."""
        return self.secret_file

    @property
    def credential_env(self) -> str | None:
        """The variable that holds it instead."""
        return self.secret_env


@dataclass(frozen=True, slots=True, kw_only=True)
class HookConfig:
    """`[hook.NAME]`: a command that is run for each event, at most `concurrency` at once.

    It may take `timeout` and say `max_output`; one that fails is run `attempts` times in all.
    """

    kind: ClassVar[str] = "hook"

    name: str
    command: Annotated[tuple[str, ...], _command] = ()
    events: Annotated[tuple[str, ...], words(*EVENTS)] = ("delivered", "failed", "received")
    content: Annotated[bool, flag] = False
    concurrency: Annotated[int, whole(1, 100)] = 4
    timeout: Annotated[float, duration("100ms", "1h")] = 30.0
    max_output: Annotated[int, size("1KiB", "16MiB")] = 64 << 10
    attempts: Annotated[int, whole(1, 100)] = 3
    retry_min: _Delay = 1.0
    retry_max: _Delay = 60.0
