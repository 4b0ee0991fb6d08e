"""How a refused bind is classed, and the cures that are named."""

from __future__ import annotations

from typing import get_args

import pytest

from smppd.config import BindClass
from smppd.figures import BIND_STATES
from smppd.link.refusals import bind_class, bind_hint, wants_operator
from smppd.statuses import Binding

#: Every status that means something for a bind, by class.
CLASSES = {
    Binding.CREDENTIALS: {0x0D, 0x0E, 0x0F},
    Binding.ALREADY_BOUND: {0x05},
    Binding.OPERATOR: {0x02, 0x03, 0x53, 0xC0, 0xC1, 0x101},
    Binding.RETRY_LATER: {0x04, 0x08, 0x14, 0x58, 0x64, 0xFF},
}
KNOWN = set().union(*CLASSES.values())


def test_each_status_is_of_its_class() -> None:
    for refused, codes in CLASSES.items():
        assert {code for code in KNOWN if bind_class(code) is refused} == codes


@pytest.mark.parametrize("status", [0x09, 0x22, 0x4A, 0x400, 0x4FF, 0x113, 0xFFFFFFFF])
def test_what_nobody_knows_may_pass_and_an_operator_hears_of_it(status: int) -> None:
    assert bind_class(status) is Binding.RETRY_LATER
    assert wants_operator(status, 1)
    assert "ask the provider" in bind_hint(status)


def test_an_operator_hears_at_once_of_what_only_people_put_right() -> None:
    for refused in (Binding.CREDENTIALS, Binding.OPERATOR):
        for status in CLASSES[refused]:
            assert wants_operator(status, 1)


def test_an_operator_hears_of_an_old_session_that_does_not_die() -> None:
    assert [wants_operator(0x05, times) for times in (1, 2, 3, 4)] == [False, False, True, True]


def test_a_trouble_that_passes_is_no_alarm() -> None:
    for status in CLASSES[Binding.RETRY_LATER]:
        assert not any(wants_operator(status, times) for times in range(1, 20))


@pytest.mark.parametrize(
    ("status", "cure"),
    [
        (0x0E, "password_file"),
        (0x0F, "system_id"),
        (0x53, "system_type"),
        (0x0D, "password"),
        (0x05, "sessions"),
        (0x03, "correct bind"),
        (0xC1, "interface_version"),
        (0x02, "interface_version"),
        (0x101, "ask the provider"),
        (0x08, "wait"),
        (0x64, "wait"),
    ],
)
def test_hints_name_the_cure(status: int, cure: str) -> None:
    assert cure in bind_hint(status)


@pytest.mark.parametrize("word", get_args(BindClass))
@pytest.mark.parametrize("status", [*sorted(KNOWN), 0x0B, 0x401])
def test_a_link_has_the_last_word_on_every_status(status: int, word: BindClass) -> None:
    own: dict[int, BindClass] = {status: word}
    wanted = {
        "retry_later": (Binding.RETRY_LATER, [False, False, False], "wait"),
        "already_bound": (Binding.ALREADY_BOUND, [False, False, True], "sessions"),
        "credentials": (Binding.CREDENTIALS, [True, True, True], "password"),
        "operator": (Binding.OPERATOR, [True, True, True], "ask the provider"),
    }
    refused, told, cure = wanted[word]
    assert bind_class(status, own) is refused
    assert [wants_operator(status, times, own) for times in (1, 2, 3)] == told
    assert cure in bind_hint(status, own)
    assert bind_class(0x7FF, own) is bind_class(0x7FF)


def test_people_see_every_class_as_a_state() -> None:
    assert {refused.state for refused in Binding} < set(BIND_STATES)
