"""What is told of a message that is watched."""

from __future__ import annotations

import pytest

from smppd.app.history import covered
from smppd.results.story import Happening


@pytest.mark.parametrize(
    ("event", "said", "told"),
    [
        (
            "refused",
            "refused for good: 34600000001 is no number",
            "refused for good: 346… is no number",
        ),
        (
            "retry",
            "+34600000001?; again at 2026-11-28T16:05:44.524Z",
            "+34…?; again at 2026-11-28T16:05:44.524Z",
        ),
        ("sent", "taken by the SMSC as 34600000001", "taken by the SMSC as 34600000001"),
        ("receipt", "receipt for 1000000001: DELIVERED", "receipt for 1000000001: DELIVERED"),
    ],
)
def test_numbers_that_somebody_repeats_are_cut_and_message_ids_are_not(
    event: str, said: str, told: str
) -> None:
    assert covered(Happening(None, event, 1, said)) == Happening(None, event, 1, told)
