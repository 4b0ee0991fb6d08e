"""The way to a provider: an HTTP transport, for which a test brings its own."""

from __future__ import annotations

from httpx2 import AsyncBaseTransport as Transport

__all__ = ["Transport"]
