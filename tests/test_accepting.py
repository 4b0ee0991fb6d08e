"""Connections that cannot be taken are told of once in a while, and nobody else tells."""

from __future__ import annotations

import errno
import logging
import os

import pytest

from smppd.app.accepting import telling_refusals
from smppd.events import ConnectionsRefused, Event

LISTENS = logging.getLogger("trio.serve_listeners")


def refuse() -> None:
    """As trio does it, ten times a second."""
    error = OSError(errno.EMFILE, os.strerror(errno.EMFILE))
    LISTENS.error("accept returned EMFILE (Too many open files); retrying", exc_info=error)


def test_it_is_told_once_a_minute_with_its_cure_and_without_a_traceback(
    capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    told: list[Event] = []
    now = 100.0
    with telling_refusals(told.append, lambda: now):
        for _ in range(20):
            refuse()
        assert len(told) == 1
        now += 60.0
        refuse()
    assert len(told) == 2
    assert isinstance(told[0], ConnectionsRefused)
    assert told[0].reason == "Too many open files"
    assert "LimitNOFILE" in told[0].hint
    assert caplog.records == []
    assert capfd.readouterr().err == ""
    refuse()
    assert (len(told), len(caplog.records)) == (2, 1)
