"""What is told of a call when it is over: to the pipeline, and to the log of calls.

Pure; raises nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from smppd.ports import CallDone, CallOutcome, CallRefused, CallUnanswered
from smppd.provider.answers import Answer, Failure, Success, outcome_name
from smppd.provider.masking import masked_answer, masked_params
from smppd.provider.operation import Operation, Value
from smppd.provider.results import taken

#: Characters of one parameter and of an answer that the log of calls keeps, and no more.
LONGEST_PARAM, LONGEST_ANSWER = 1000, 4000
#: Octets of an answer beyond which it is not taken apart to mask it: that would hold up SMPP.
LARGEST_MASKED = 100_000


def outcome_of(msg_id: int, operation: Operation, answer: Answer) -> CallOutcome:
    """What the pipeline hears of a message's call."""
    if isinstance(answer, Success):
        return CallDone(msg_id, operation.name, answer.result, taken(operation, answer.result))
    if isinstance(answer, Failure):
        return CallRefused(msg_id, answer.code, answer.text)
    return CallUnanswered(msg_id, answer.reason, answer.sent)


class Note(NamedTuple):
    """What the log of calls keeps of parameters and answer, see `ports.ApiCall`."""

    params: str
    outcome: str
    answer: str


def note_of(
    operation: Operation, params: Mapping[str, Value], answer: Answer, *, log_content: bool
) -> Note:
    """A call as it is written down, its content masked unless it is asked for."""
    # What cannot be masked away is cut before it is written, so that it stays JSON.
    kept = {
        name: _cut(each, LONGEST_PARAM) if isinstance(each, str) else each
        for name, each in params.items()
    }
    return Note(
        _plain(masked_params(operation, kept if log_content else params, full=log_content)),
        _plain(_cut(outcome_name(answer), LONGEST_PARAM)),
        _plain(_cut(_said(answer, log_content=log_content), LONGEST_ANSWER)),
    )


def _said(answer: Answer, *, log_content: bool) -> str:
    if isinstance(answer, Success) and len(answer.result) > LARGEST_MASKED and not log_content:
        return f"({len(answer.result)} octets)"
    return masked_answer(answer, full=log_content)


def _cut(text: str, longest: int) -> str:
    return text if len(text) <= longest else f"{text[:longest]}… ({len(text)} characters)"


def _plain(text: str) -> str:
    """Text as SQLite takes it: without halves of characters."""
    return text.encode(errors="replace").decode()
