"""One test message through a running daemon, which accounts for it as for any other: what became of it,
its receipt, and how the link's receipts name messages. Without a daemon: `own_session`.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Iterator

import msgspec

from smppd.cli.diagnosis.running import ask_daemon
from smppd.cli.findings import Finding
from smppd.cli.lookup import find, reading, story_of
from smppd.cli.sending import hand_in_one
from smppd.cli.terminal import CommandError
from smppd.config import Config, LinkConfig
from smppd.figures import DaemonFigures
from smppd.message import ErrorInfo, Lane
from smppd.results.lines import ResultLine

#: Seconds between two looks at the journal; and after which the message is not submitted any more.
_LOOK_EVERY = 0.2
_EXPIRES = "10m"
#: What is said when no receipt came.
NO_RECEIPT = (
    "none within {patience:g} s: the handset may be off, or the account gets no receipts: ask the"
    " provider, and try again with --timeout"
)
_OVER = frozenset({"delivered", "undelivered", "rejected", "expired", "failed", "cancelled"})


class Trial(msgspec.Struct, frozen=True):
    """What is to be tried: a message to this number, over a link or as routed; for so many seconds."""

    number: str
    via: str | None
    patience: float

    @property
    def text(self) -> str:
        """What the handset shows."""
        return f"smppd test {time.strftime('%H:%M:%S', time.gmtime())} UTC"


def through_daemon(config: Config, trial: Trial) -> list[Finding]:
    """Hand it in, and follow it in the journal until it is at its end, or time is up."""
    id_ = f"doctor-{secrets.token_hex(4)}"
    message = {"to": trial.number, "text": trial.text, "id": id_, "expires": _EXPIRES}
    if trial.via is not None:
        message["via"] = trial.via
    try:
        handed = hand_in_one(message, config, Lane.HIGH, "doctor")
        result = _follow(config, id_, trial.patience)
    except CommandError as error:
        return [Finding("test message", False, str(error))]
    if result is None:
        says = f"{handed.name} was not read within {trial.patience:g} s: see smppd status"
        return [Finding("test message", False, says)]
    return list(_judged(result, config, trial))


def _follow(config: Config, id_: str, patience: float) -> ResultLine | None:
    until = time.monotonic() + patience
    while True:
        with reading(config) as store:
            row = find(store, id_)
            result = None if row is None else story_of(store, row).result
        late = time.monotonic() >= until
        if late or (result is not None and result.state in _OVER):
            return result
        time.sleep(_LOOK_EVERY)


def _judged(result: ResultLine, config: Config, trial: Trial) -> Iterator[Finding]:
    """What its result says of the way there and back."""
    what = "test message"
    if result.error is not None and not result.message_ids:
        text = f"{result.error.code} {result.error.text}".rstrip()
        yield Finding(what, False, f"{result.id} was {result.state}: {text}")
        return
    if not result.message_ids:
        where = "smppd status tells what its link waits for; it expires by itself"
        says = f"{result.id} is still {result.state} after {trial.patience:g} s: {where}"
        yield Finding(what, False, says)
        return
    over = result.link or "?"
    taken = f"{result.id} was taken over {over} as {', '.join(result.message_ids)}"
    yield Finding(what, True, taken)
    yield _receipt(result.state, result.error, trial)
    link = next((each for each in config.links if each.name == over), None)
    if link is not None:
        yield _form_of_daemon(config, link)


def _receipt(state: str, error: ErrorInfo | None, trial: Trial) -> Finding:
    what = "test message, receipt"
    if state == "delivered":
        return Finding(what, True, "says that it was delivered")
    if state not in _OVER:
        return Finding(what, True, NO_RECEIPT.format(patience=trial.patience), doubtful=True)
    why = "" if error is None else f" ({error.code} {error.text})".replace(" )", ")")
    says = f"says that it was {state}{why}: look at the number, then ask the provider"
    return Finding(what, True, says, doubtful=True)


def _form_of_daemon(config: Config, link: LinkConfig) -> Finding:
    """How the daemon has learnt that this link's receipts name messages."""
    what = f"link {link.name}, message_id_form"
    answer = ask_daemon(config)
    links = answer.links if isinstance(answer, DaemonFigures) else []
    form = next((each.matching.form for each in links if each.name == link.name), "")
    if not form:
        return Finding(what, True, "is not known yet: no receipt has told")
    how = "as configured" if link.message_id_form != "auto" else "as its receipts showed"
    return Finding(what, True, f"{form}, {how}")
