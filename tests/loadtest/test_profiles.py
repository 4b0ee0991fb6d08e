"""The profiles of the benchmark: what they declare is whole, and what makes no sense is refused."""

from __future__ import annotations

import pytest
from benchmark.profiles import PARTS, PROFILES, TEXTS, Profile, Smsc, Stream

from smppd.smpp.cutting import count_parts
from smppd.smpp.text import Encoded, choose


def test_there_is_a_profile_for_each_case() -> None:
    cases = "bulk otp mixed queued long ucs2 slow-20ms slow-200ms throttled receipts files sessions links"
    assert list(PROFILES) == cases.split()
    assert all(profile.name == name and profile.about for name, profile in PROFILES.items())


@pytest.mark.parametrize("name", TEXTS)
def test_a_text_is_cut_into_the_parts_that_are_declared(name: str) -> None:
    for number in (0, 9_999_999):
        encoded = choose(TEXTS[name].format(n=number))
        assert isinstance(encoded, Encoded)
        assert count_parts(encoded) == PARTS[name]


@pytest.mark.parametrize("name", PROFILES)
@pytest.mark.parametrize("messages", [1, 7, 1000, 199_999])
def test_each_message_is_in_one_stream(name: str, messages: int) -> None:
    profile = PROFILES[name].with_options(messages, None, None)
    assert sum(profile.counts()) == messages


def test_what_is_handed_in_meanwhile_is_beside_the_messages() -> None:
    profile = PROFILES["mixed"].with_options(1000, None, None)
    assert profile.counts() == [900, 100, 0]


def test_as_many_wait_as_there_are_and_singles_come_as_often_as_is_asked_for() -> None:
    queued = PROFILES["queued"].with_options(1000, None, None).with_rate(50.0)
    assert (queued.messages, queued.waiting) == (1000, 1000)
    assert [stream.rate for stream in queued.streams] == [0.0, 50.0]
    with pytest.raises(ValueError, match="bulk hands in nothing at a rate: leave out --rate"):
        PROFILES["bulk"].with_rate(50.0)


def test_options_replace_what_the_profile_says() -> None:
    profile = PROFILES["sessions"].with_options(10, 7, 3)
    assert (profile.messages, profile.window, profile.sessions) == (10, 7, 3)
    assert PROFILES["sessions"].with_options(None, None, None).sessions == 10


@pytest.mark.parametrize(
    ("messages", "window", "sessions"), [(0, None, None), (None, 0, None), (None, None, -1)]
)
def test_numbers_below_one_are_refused(
    messages: int | None, window: int | None, sessions: int | None
) -> None:
    with pytest.raises(ValueError, match="of bulk is below 1"):
        PROFILES["bulk"].with_options(messages, window, sessions)


def test_a_stream_that_makes_no_sense_is_refused() -> None:
    with pytest.raises(ValueError, match="only files have a rate"):
        Stream(rate=5.0)
    with pytest.raises(ValueError, match="no lane 'low'"):
        Stream(lane="low")
    with pytest.raises(ValueError, match="meanwhile has a rate"):
        Stream(files=True, meanwhile=True)
    with pytest.raises(ValueError, match="do not add up to 1"):
        Profile(name="x", about="", messages=1, streams=(Stream(share=0.5),))
    with pytest.raises(ValueError, match="no text 'none'"):
        Profile(name="x", about="", messages=1, text="none")


def test_an_smsc_says_what_it_does_to_its_program_and_to_people() -> None:
    slow = Smsc(latency=0.02, rate=500.0)
    assert list(slow.options()) == ["--latency", "0.02", "--rate", "500"]
    assert slow.words() == "answers after 20 ms, throttles above 500 submits/s"
    assert list(Smsc(receipts=False).options()) == ["--no-receipts"]
    late = Smsc(receipt_delay=0.2)
    assert list(late.options()) == ["--receipt-delay", "0.2"]
    assert late.words() == "receipts after 200 ms"
    assert (list(Smsc().options()), Smsc().words()) == ([], "as quick as it can")


def test_plain_clients_stand_beside_what_they_can_do() -> None:
    why = {name: profile.no_baseline() for name, profile in PROFILES.items()}
    beside = {name for name, words in why.items() if not words}
    assert beside == {"bulk", "long", "ucs2", "slow-20ms", "slow-200ms", "receipts"}
    assert why["links"] == why["sessions"] == "a plain client has one session"
    assert PROFILES["bulk"].with_options(None, None, 4).no_baseline() == why["sessions"]
    assert PROFILES["sessions"].with_options(None, None, 1).no_baseline() == ""
