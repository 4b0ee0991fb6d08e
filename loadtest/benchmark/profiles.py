"""What is sent, how it is handed in, and how the SMSC behaves: a profile for each case. Pure data."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

#: Who sends everything; and who what is in the high lane.
SENDER, URGENT = "ACME", "URGENT"
LANES = ("high", "normal", "bulk")

#: What a message says, by name; the number makes each of them another.
TEXTS = {
    "usual": "Your code is {n:07d}. It is valid for ten minutes. Do not share it.",
    "ucs2": "{n:07d} Здравствуйте, ваш заказ готов. Спасибо!",
    "long": "{n:07d} " + "Todo lo que necesita saber de su pedido. " * 8,
}
#: Into how many parts each is cut.
PARTS = {"usual": 1, "ucs2": 1, "long": 3}
_WORDS = "Todo lo que necesita saber de su pedido. "
#: Texts that fill so many parts, by their number.
FULL = {parts: f"full-{parts}" for parts in range(1, 11)}
for _parts, _name in FULL.items():
    TEXTS[_name] = "{n:07d} " + (_WORDS * 4 * _parts)[: 153 * _parts - 8]
    PARTS[_name] = _parts


@dataclass(frozen=True, kw_only=True)
class Stream:
    """One way in which messages are handed in.

    In a lane, `share` of the profile's messages: as lines of one file, or, as `files`, in a file each, all
    at once or, with a `rate`, so many a second. `meanwhile`: as many as it takes until the other streams
    are sent, beside the profile's messages.
    """

    lane: str = "bulk"
    share: float = 1.0
    files: bool = False
    rate: float = 0.0
    meanwhile: bool = False

    def __post_init__(self) -> None:
        if self.lane not in LANES:
            raise ValueError(f"there is no lane {self.lane!r}: {', '.join(LANES)}")
        if not 0 <= self.share <= 1 or self.rate < 0:
            raise ValueError("share is between 0 and 1, rate is not below 0")
        if self.rate and not self.files:
            raise ValueError("only files have a rate: lines are handed in at once")
        if self.meanwhile and not self.rate:
            raise ValueError("what is handed in meanwhile has a rate")


@dataclass(frozen=True, kw_only=True)
class Smsc:
    """How the simulated SMSC behaves, whether it sends `receipts`; in seconds, `latency` of its answers,
    `receipt_delay` from answer to receipt, and `storm` (receipts are held back until no submit came for
    so long); `rate` in submits a second, above which it throttles."""

    latency: float = 0.0
    rate: float = 0.0
    storm: float = 0.0
    receipt_delay: float = 0.0
    receipts: bool = True

    def options(self) -> Iterator[str]:
        """Those of `smsc.py`."""
        for name in ("latency", "rate", "storm", "receipt_delay"):
            if value := getattr(self, name):
                yield from (f"--{name.replace('_', '-')}", f"{value:g}")
        if not self.receipts:
            yield "--no-receipts"

    def words(self) -> str:
        """For people."""
        said = [f"answers after {self.latency * 1000:g} ms"] if self.latency else []
        said += [f"throttles above {self.rate:g} submits/s"] if self.rate else []
        said += [f"receipts after {self.receipt_delay * 1000:g} ms"] if self.receipt_delay else []
        said += [f"holds receipts until {self.storm:g} s of silence"] if self.storm else []
        return ", ".join(said) or "as quick as it can"


@dataclass(frozen=True, kw_only=True)
class Profile:
    """One case. `destinations`: so few numbers have it all; 0: each message goes to another. `alone`:
    why plain clients cannot stand beside it; empty where they can.

    `first`: the number of the first message. `before`: so many more, the same, are sent and reported
    before anything is measured, in a file of their own. `waiting`: so many of the first stream's
    lines are in the journal before any leaves.
    """

    name: str
    about: str
    messages: int
    streams: tuple[Stream, ...] = (Stream(),)
    text: str = "usual"
    links: int = 1
    sessions: int = 1
    window: int = 100
    smsc: Smsc = Smsc()
    destinations: int = 0
    alone: str = ""
    first: int = 0
    before: int = 0
    waiting: int = 0

    def __post_init__(self) -> None:
        if self.text not in TEXTS:
            raise ValueError(f"there is no text {self.text!r}")
        own = [stream for stream in self.streams if not stream.meanwhile]
        if abs(sum(stream.share for stream in own) - 1) > 1e-9:
            raise ValueError(f"the shares of {self.name} do not add up to 1")
        for name in ("messages", "links", "sessions", "window"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} of {self.name} is below 1")
        if self.waiting and not (self.waiting <= self.counts()[0] and not self.streams[0].files):
            raise ValueError(f"of {self.name} more wait than its first stream has lines")

    def counts(self) -> list[int]:
        """How many messages each stream has; 0 where that is seen when it runs."""
        found, left, share_left = list[int](), self.messages, 1.0
        for stream in self.streams:
            if stream.meanwhile:
                found.append(0)
                continue
            count = (
                left if stream.share >= share_left - 1e-9 else round(self.messages * stream.share)
            )
            found.append(min(count, left))
            left -= found[-1]
            share_left -= stream.share
        return found

    def with_options(
        self, messages: int | None, window: int | None, sessions: int | None
    ) -> Profile:
        """The same with other numbers, where they are given. Raises ValueError."""
        messages = self.messages if messages is None else messages
        return replace(
            self,
            messages=messages,
            waiting=self.waiting * messages // self.messages,
            window=self.window if window is None else window,
            sessions=self.sessions if sessions is None else sessions,
        )

    def with_rate(self, rate: float) -> Profile:
        """The same, and what comes at a rate comes so often a second. Raises ValueError."""
        if not rate > 0:
            raise ValueError(
                f"--rate {rate:g}: singles come more often than that, like 25 a second"
            )
        if not any(stream.rate for stream in self.streams):
            raise ValueError(f"{self.name} hands in nothing at a rate: leave out --rate")
        streams = [replace(each, rate=rate) if each.rate else each for each in self.streams]
        return replace(self, streams=tuple(streams))

    def no_baseline(self) -> str:
        """Why plain clients cannot do the same; empty where they can."""
        if not self.alone and self.sessions * self.links > 1:
            return "a plain client has one session"
        return self.alone

    def message(self, number: int, lane: str) -> dict[str, str]:
        """One, as it is handed in, but for the number that it is for."""
        sender = URGENT if lane == "high" else SENDER
        return {"from": sender, "text": TEXTS[self.text].format(n=number)}


_NO_FILES = "a plain client is handed no files"
_NO_LANES = "a plain client has no lanes"
#: Singles in the high lane, beside everything else.
_URGENT = Stream(lane="high", files=True, rate=25.0, meanwhile=True)

_ALL = (
    Profile(
        name="bulk",
        about="one file of many lines, in the bulk lane",
        messages=200_000,
    ),
    Profile(
        name="otp",
        about="a trickle of singles in the high lane, a file each: latency is what counts",
        messages=1_000,
        streams=(Stream(lane="high", files=True, rate=25.0),),
        alone=_NO_FILES,
    ),
    Profile(
        name="mixed",
        about="singles in the high lane while the bulk and normal lanes are full",
        messages=200_000,
        streams=(
            Stream(lane="bulk", share=0.9),
            Stream(lane="normal", share=0.1),
            _URGENT,
        ),
        alone=_NO_LANES,
    ),
    Profile(
        name="queued",
        about="singles in the high lane while bulk drains that was queued before any of it could leave",
        messages=300_000,
        waiting=300_000,
        streams=(Stream(lane="bulk"), _URGENT),
        alone=_NO_LANES,
    ),
    Profile(name="long", about="texts of three parts", messages=50_000, text="long"),
    Profile(name="ucs2", about="texts in UCS-2", messages=100_000, text="ucs2"),
    Profile(
        name="slow-20ms",
        about="an SMSC that takes 20 ms to answer",
        messages=50_000,
        smsc=Smsc(latency=0.02),
    ),
    Profile(
        name="slow-200ms",
        about="an SMSC that takes 200 ms to answer",
        messages=10_000,
        smsc=Smsc(latency=0.2),
    ),
    Profile(
        name="throttled",
        about="an SMSC that throttles above 500 submits a second, and each destination has its order",
        messages=10_000,
        window=10,
        destinations=25,
        smsc=Smsc(rate=500.0),
        alone="a plain client does not repeat what is throttled",
    ),
    Profile(
        name="receipts",
        about="a storm of receipts: all at once, when everything is submitted",
        messages=100_000,
        smsc=Smsc(storm=1.0),
    ),
    Profile(
        name="files",
        about="files of one message each, all at once",
        messages=10_000,
        streams=(Stream(lane="normal", files=True),),
        alone=_NO_FILES,
    ),
    Profile(name="sessions", about="ten sessions of one link", messages=200_000, sessions=10),
    Profile(name="links", about="four links of one route", messages=200_000, links=4),
)
PROFILES = {profile.name: profile for profile in _ALL}
