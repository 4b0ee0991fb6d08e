"""The two ways in which the protocol breaks."""

from __future__ import annotations


class ProtocolError(Exception):
    """Base of both."""


class LocalProtocolError(ProtocolError):
    """We tried something that SMPP forbids: a fault of this program."""


class EncodeError(LocalProtocolError):
    """A value does not fit its field. Nothing was written, nothing was cut."""


class RemoteProtocolError(ProtocolError):
    """The peer broke the protocol beyond repair; the session is over."""
