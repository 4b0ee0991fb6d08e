"""The table from folded message_ids to those that they stand for, which is made when it is asked for."""

from __future__ import annotations

import pytest

from smppd.ledger import message_ids
from smppd.ledger.message_ids import Folds


@pytest.fixture(autouse=True)
def soon_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(message_ids, "UNASKED", 3)


def of(folds: Folds, folded: str) -> list[str]:
    return list(folds.of(f"main\t{folded}"))


def test_what_came_before_anybody_asked_is_found_and_what_comes_after() -> None:
    keys = ["main\t00AB", "main\tab"]
    folds = Folds(lambda: keys)
    folds.add(keys[0])
    assert of(folds, "ab") == ["main\t00AB"]
    keys.append("main\t0aB")
    folds.add(keys[-1])
    assert of(folds, "ab") == ["main\t00AB", "main\t0aB"]
    folds.remove(keys.pop())
    assert of(folds, "ab") == ["main\t00AB"]
    assert of(folds, "abc") == []


def test_what_came_and_went_while_nobody_asked_is_right_when_somebody_does_again() -> None:
    keys = {"main\t01": None}
    folds = Folds(keys.keys)
    assert of(folds, "1") == ["main\t01"]
    for number in range(2, 9):
        keys[f"main\t0{number}"] = None
        folds.add(f"main\t0{number}")
    del keys["main\t01"]
    folds.remove("main\t01")
    assert of(folds, "1") == []
    assert [of(folds, str(number)) for number in (2, 8)] == [["main\t02"], ["main\t08"]]
