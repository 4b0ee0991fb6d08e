"""The last warnings and errors, each with what to do, for the status page.

An observer, bounded: one that comes again is counted, and the oldest goes for a new one. Raises nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from types import MappingProxyType

import msgspec

from smppd import events
from smppd.observe.lines import LINES

#: So many are kept.
MOST = 30
#: Characters of a text that are.
_MOST_TEXT = 300

#: What to do where an event does not say it itself.
CURES: Mapping[type[events.Event], str] = MappingProxyType(
    {
        events.LinkLost: "it is opened again by itself; if that goes on: smppd check --connect",
        events.FileQuarantined: "its .error.json in bad/ says what: correct it and hand it in again",
        events.FileWaiting: "finish the file with a newline, or let the daemon read it",
        events.InboxUnwatched: "raise fs.inotify.max_user_watches or max_user_instances",
        events.InboxMadeAgain: "find out who removes folders of the inbox",
        events.QueriesRefused: "ask the provider, or set query_sm = false",
        events.StatusesRefused: "check status_via and the account that it names",
        events.FallbackBegan: "mend the link: it takes over again by itself",
        events.RouteMoved: "mend the link before it: messages go back by themselves",
        events.ReceivedIncomplete: "nothing: what came is in received/new/",
        events.EventHandlerFailed: "run it by hand with the file that is named",
        events.OutletFailing: "mend the receiver: events wait for it",
        events.OutletGaveUp: "correct the receiver and hand it the file",
        events.CodeUndocumented: "ask the provider what it means",
        events.ForeignFiles: "move them to where they belong",
        events.ReloadRefused: "correct the file (smppd check), then: smppd reload",
    }
)
_ABOUT = ("route", "link", "outlet", "account", "campaign", "file", "what", "place", "kind")
_WHY = ("status_name", "code", "reason")
#: Their reasons may repeat what somebody wrote into a message, or a program of somebody else's.
_QUOTING = (
    events.FileQuarantined,
    events.EventHandlerFailed,
    events.OutletFailing,
    events.OutletGaveUp,
    events.ChatFailing,
)
_IN_THE_LOG = "the log says why"


class Happened(msgspec.Struct):
    """Something that happened so many times, the last time `at` (epoch seconds)."""

    at: float
    event: str
    level: str
    says: str
    about: str
    why: str
    cure: str
    count: int = 1


class Recent:
    """An observer that keeps what somebody may have to do something about."""

    def __init__(self, wall: Callable[[], float]) -> None:
        self._wall = wall
        self._kept: dict[tuple[str, str], Happened] = {}

    def __call__(self, event: events.Event) -> None:
        """Keep it, if it is a warning or an error."""
        line = LINES[type(event)]
        if line.level not in ("warning", "error"):
            return
        about = next(_told(event, _ABOUT), "")
        before = self._kept.pop((line.name, about), None)
        count = 1 if before is None else before.count + 1
        cure = getattr(event, "hint", "") or CURES.get(type(event), "")
        self._kept[line.name, about] = Happened(
            self._wall(),
            line.name,
            line.level,
            line.says,
            about,
            _IN_THE_LOG if isinstance(event, _QUOTING) else ": ".join(_told(event, _WHY)),
            cure[:_MOST_TEXT],
            count,
        )
        if len(self._kept) > MOST:
            del self._kept[next(iter(self._kept))]

    def newest_first(self) -> list[Happened]:
        """What was kept."""
        return list(reversed(self._kept.values()))


def _told(event: events.Event, names: Iterable[str]) -> Iterator[str]:
    """Those of these fields that say something."""
    found = (str(getattr(event, name, "")) for name in names)
    return (each[:_MOST_TEXT] for each in found if each)
