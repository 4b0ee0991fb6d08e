"""Keywords of opt-out: as people write them."""

from __future__ import annotations

import pytest

from smppd.optout.words import Keywords, Said, Wish

STOP, START = ["STOP", "BAJA", "no más"], ["START", "Alta"]


@pytest.mark.parametrize(
    ("text", "wish"),
    [
        ("STOP", Wish.STOP),
        ("stop", Wish.STOP),
        (" Stop. ", Wish.STOP),
        ('"STOP"!!', Wish.STOP),
        ("¡BAJA!", Wish.STOP),
        ("Bája", Wish.STOP),
        ("baja\r\n", Wish.STOP),
        ("\uff33\uff34\uff2f\uff30", Wish.STOP),
        ("ST\u200bOP", Wish.STOP),
        ("_stop_", Wish.STOP),
        ("NO MAS", Wish.STOP),
        ("no, más", Wish.STOP),
        ("alta", Wish.START),
        ("Start", Wish.START),
        ("", None),
        ("...", None),
        ("nonstop", None),
        ("stopp", None),
        ("no", None),
        ("más no", None),
        ("please STOP", None),
    ],
)
def test_a_whole_message_is_understood(text: str, wish: Wish | None) -> None:
    for whole in (True, False):
        said = Keywords(STOP, START, whole=whole).meaning(text)
        assert (said.wish if said else None) is wish


def test_what_follows_a_keyword_counts_or_not_as_configured() -> None:
    text = "Baja: ya no quiero"
    assert Keywords(STOP, START, whole=True).meaning(text) is None
    assert Keywords(STOP, START, whole=False).meaning(text) == Said(Wish.STOP, "BAJA")
    assert Keywords(STOP, START, whole=True).begins("BAJA") is None
    assert Keywords(STOP, START, whole=False).begins("BAJA ") == Said(Wish.STOP, "BAJA")


def test_without_keywords_nobody_asks_for_anything() -> None:
    assert not Keywords([], [])
    assert Keywords([], []).meaning("STOP") is None
    assert Keywords([], START).meaning("STOP") is None


def test_a_long_text_is_not_read_to_its_end() -> None:
    assert Keywords(STOP, START, whole=False).meaning("stop " + "x" * 5_000_000) is not None
