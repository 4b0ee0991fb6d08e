"""The status page: what is served of it, and how browsers are bound to do nothing else with it.

Read-only, without cookies, and without anything from elsewhere. Files of `page/` are read once.
"""

from __future__ import annotations

from collections.abc import Mapping
from importlib.resources import files

import h11

from smppd.observe.live import Live
from smppd.observe.web import Page, Reply

#: Who watches at once; connections beyond are for scrapes.
MOST_WATCHERS = 32

_FILES = (
    (b"/", "index.html", b"text/html; charset=utf-8"),
    (b"/page.css", "page.css", b"text/css; charset=utf-8"),
    (b"/page.js", "page.js", b"text/javascript; charset=utf-8"),
    (b"/icon.svg", "icon.svg", b"image/svg+xml"),
)
_POLICY = (
    b"default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self';"
    b" base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
_HEADERS = (
    (b"content-security-policy", _POLICY),
    (b"referrer-policy", b"no-referrer"),
    (b"cross-origin-opener-policy", b"same-origin"),
    (b"cross-origin-resource-policy", b"same-origin"),
)
_STREAM = b"text/event-stream"


def pages(live: Live) -> Mapping[bytes, Page]:
    """What is answered, by path."""
    folder = files("smppd.observe") / "page"
    found = {
        path: _fixed(Reply(200, (folder / name).read_bytes(), kind, _HEADERS))
        for path, name, kind in _FILES
    }

    def events(_request: h11.Request) -> Reply:
        if live.watchers >= MOST_WATCHERS:
            return Reply(503, b"too many watch already\n", headers=((b"retry-after", b"5"),))
        return Reply(200, b"", _STREAM, _HEADERS, stream=live.tell)

    return found | {b"/events": events}


def _fixed(reply: Reply) -> Page:
    return lambda _request: reply
