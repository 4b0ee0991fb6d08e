"""One call of a provider without a daemon: made and written down as a running one would do it."""

from __future__ import annotations

import time
from collections.abc import Sequence
from math import inf

import trio

from smppd.app.accounts import client_of
from smppd.config import Config
from smppd.direct import Wanted
from smppd.httpapi.caller import Around, Caller
from smppd.journal.aside import log_calls
from smppd.journal.schema import JournalError
from smppd.locking import AlreadyLocked
from smppd.ports import ApiCall
from smppd.provider.answers import Answer, NoAnswer


def call_alone(
    config: Config, wanted: Wanted, secret: str, timeout: float | None, made: list[ApiCall]
) -> Answer:
    """Make a call with an account's password or token, and wait for its answer at most `timeout`
    seconds. What is to be written down of it is put into `made`. Ctrl-C ends it without an answer."""
    account = wanted.account
    around = Around(_nobody, time.time, log_content=config.logs_calls_in_full)
    caller = Caller(account, client_of(account, secret), around)
    caller.given_up = "nobody waited longer for the answer"
    answer: Answer = NoAnswer("interrupted before it came", sent=True)
    try:
        answer = trio.run(_call, caller, wanted, timeout or inf)
    except* KeyboardInterrupt:
        pass
    finally:
        made += caller.noted
    return answer


def log_alone(config: Config, calls: Sequence[ApiCall]) -> str:
    """Write calls into the journal that the configuration names, and that a daemon has made; why
    that cannot be, else an empty text."""
    path = config.journal.path
    try:
        path.stat()
        log_calls(path, calls)
    except FileNotFoundError:
        return f"there is no journal {path} yet"
    except (AlreadyLocked, JournalError) as error:
        return str(error)
    except OSError as error:
        return f"cannot lock the journal {path}: {error.strerror}"
    return ""


async def _call(caller: Caller, wanted: Wanted, patience: float) -> Answer:
    await caller.turnstile.enter()
    answer: Answer = NoAnswer(f"none came within {patience:g} s", sent=True)
    with trio.move_on_after(patience):
        answer = await caller.call(wanted.operation, wanted.params)
    await caller.aclose()
    return answer


def _nobody(_event: object) -> None:
    """Nobody hears of events where there is no daemon."""
