"""Calling an operation of a provider: through the running daemon, so that pace and log are shared.

When no daemon listens, the call is made from here and written into the journal's log of calls.
A call that may have left is never made a second time.
"""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from smppd.cli.terminal import CommandError, Misconfigured, Terminal
from smppd.config import Config, Mistake, read_secret
from smppd.control import ControlRefused, ControlUnavailable, ask
from smppd.direct import Asked, Wanted, heard, understand
from smppd.ports import ApiCall
from smppd.provider.answers import Answer, NoAnswer
from smppd.provider.operation import Effect, Operation

#: Seconds beyond the account's own timeout for a call to have its turn.
_TURN = 30.0
_INTERRUPTED = "interrupted before it came"


class Caller:
    """Makes calls, one at a time, over the account `via` (None: the first of its kind)."""

    def __init__(
        self, config: Config, terminal: Terminal, via: str | None, timeout: float | None
    ) -> None:
        self._config = config
        self._terminal = terminal
        self._via = via
        self._timeout = timeout
        self._secret: str | None = None
        self._remarked = False

    def call(
        self, operation: str, args: Mapping[str, object], *, confirmed: bool = False
    ) -> Answer:
        """Make one call, and return what came of it; Ctrl-C is no answer.

        Raises `CommandError`: 2 for what cannot be meant, 1 when nothing was asked.
        """
        asked = Asked(operation, dict(args), self._via, confirmed)
        wanted = understand(self._config, asked)
        if isinstance(wanted, str):
            raise CommandError(wanted, exit_code=2)
        patience = self._timeout or wanted.account.timeout + _TURN
        request = msgspec.to_builtins(asked)
        try:
            said = ask(self._config.observe.control, "api", patience, **request)
            return heard(said)
        except ControlRefused as refusal:
            if refusal.fault:
                return NoAnswer(str(refusal), sent=True)
            raise CommandError(str(refusal)) from None
        except ControlUnavailable as error:
            if error.heard:
                return NoAnswer(str(error), sent=True)
            if not error.nobody:
                raise CommandError(str(error)) from None
        except KeyboardInterrupt:
            return NoAnswer(_INTERRUPTED, sent=True)
        return self._alone(wanted)

    def _alone(self, wanted: Wanted) -> Answer:
        from smppd.app.alone import call_alone, log_alone  # noqa: PLC0415 (few need its client)

        if self._secret is None:
            secret = read_secret(wanted.account)
            if isinstance(secret, Mistake):
                raise Misconfigured([secret])
            self._secret = secret
        made: list[ApiCall] = []
        answer = call_alone(self._config, wanted, self._secret, self._timeout, made)
        problem = log_alone(self._config, made)
        if problem and not self._remarked:
            self._remarked = True
            self._terminal.complain(f"not in the log of calls: {problem}")
        return answer


def lost(operation: Operation, answer: NoAnswer) -> str:
    """What is said of a call without an answer, on one line."""
    if not answer.sent:
        return f"not sent: {answer.reason}"
    advice = {
        Effect.READS: "it only reads: ask again",
        Effect.CHANGES: "it may have been done: look before you repeat it",
        Effect.SENDS: "it may have been sent: look before you repeat it",
    }
    return f"no answer: {answer.reason}; {advice[operation.effect]}"
