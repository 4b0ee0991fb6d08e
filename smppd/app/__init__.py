"""The composition root: builds every part, introduces them, and nests their lifetimes."""

from smppd.app.daemon import Daemon
from smppd.app.opening import CannotStartError
from smppd.app.surroundings import Surroundings

__all__ = ["CannotStartError", "Daemon", "Surroundings"]
