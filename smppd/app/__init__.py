"""The composition root: builds every part, introduces them, and nests their lifetimes."""

from smppd.app.daemon import CannotStartError, Daemon
from smppd.app.surroundings import Surroundings

__all__ = ["CannotStartError", "Daemon", "Surroundings"]
