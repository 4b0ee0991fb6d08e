"""The opt-out list in memory: it says what a plain dictionary would, whatever is done to it."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from smppd.optout import roll
from smppd.optout.roll import EVERYONE, Change, OptOut, OptOutList, confirmation_id, sender_key

NUMBERS = st.from_regex(r"[0-9]{1,15}", fullmatch=True)
SENDERS = st.sampled_from(["", "2580", "ACME"])
CHANGES = st.builds(
    Change,
    NUMBERS | st.sampled_from(["34600000001", "034600000001", "3460000000", "012", "12", "120"]),
    SENDERS | st.none(),
    st.integers(0, (1 << 32) - 1),
    st.sampled_from(["", "STOP", "by hand"]),
    st.booleans(),
)


@given(st.lists(CHANGES, max_size=300), st.integers(1, 5))
@settings(max_examples=150, deadline=None)
def test_it_says_what_a_dictionary_would(changes: list[Change], piece: int) -> None:
    plain: dict[tuple[str, str], OptOut] = {}
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(roll, "_PIECE", piece)
        entries = OptOutList()
        for change in changes:
            number, sender, at, why, out = change
            key = (number, sender or EVERYONE)
            if out:
                news = key not in plain
                plain.setdefault(key, OptOut(*key, at, why))
            else:
                gone = [each for each in plain if each[0] == number and sender in (None, each[1])]
                news = bool(gone)
                for each in gone:
                    del plain[each]
            assert entries.is_news(change) is news
            assert entries.make(change) is news
        loaded = OptOutList(sorted(plain.values()))
    for found in (entries, loaded):
        assert len(found) == len(plain)
        assert bool(found) is bool(plain)
        for number in {change.number for change in changes}:
            for sender in ("2580", "ACME", "OTHER"):
                everyone, own = plain.get((number, EVERYONE)), plain.get((number, sender))
                assert found.find(number, [sender]) == (everyone or own)


def test_numbers_of_no_list_are_found_in_none() -> None:
    entries = OptOutList([OptOut("34600000001", EVERYONE, 1, "")])
    for strange in ("", "+34600000001", "a@example.net", "٣٤٦٠٠", "1" * 16):
        assert entries.find(strange, ["2580"]) is None


def test_more_reasons_than_are_told_apart_do_no_harm(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(roll, "_MOST_REASONS", 2)
    entries = OptOutList(OptOut(f"3460000000{each}", "", 1, f"reason {each}") for each in range(4))
    assert [entries.find(f"3460000000{each}", [])[3] for each in range(4)] == [  # type: ignore[index]
        "reason 0",
        "reason 1",
        "(see smppd optout list)",
        "(see smppd optout list)",
    ]


@pytest.mark.parametrize(
    ("written", "key"),
    [("+34 600 000 001", "34600000001"), ("Acme", "ACME"), ("2580", "2580"), ("", "")],
)
def test_a_sender_is_known_however_it_is_written(written: str, key: str) -> None:
    assert sender_key(written) == key


def test_each_opt_out_has_a_confirmation_of_its_own() -> None:
    entry = OptOut("34600000001", "2580", 7, "STOP")
    assert confirmation_id(entry) == "optout-stop-34600000001-2580-7"
    assert confirmation_id(entry._replace(at=8)) != confirmation_id(entry)
    assert confirmation_id(entry._replace(sender="")) == "optout-stop-34600000001-all-7"
