"""What keeps a daemon's memory and files from others: no core dumps, a process that no other of its user
can look into, and files that are closed to everybody else.

Memory holds passwords, texts and numbers; so does the environment where `password_env` is used, which
/proc shows to whatever runs as the same user. Raises nothing: what a kernel does not offer is left.
"""

from __future__ import annotations

import ctypes
import os
import resource
from contextlib import suppress

#: prctl(2).
_PR_SET_DUMPABLE = 4
#: What users outside of owner and group may do with what a daemon makes: nothing.
_OTHERS = 0o007


def guard_process() -> None:
    """Guard this process, and what it starts: the limit and the mask are handed on to children, and
    one that is forked and runs no other program has the rest as well."""
    with suppress(ValueError, OSError):
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    prctl = getattr(ctypes.CDLL(None, use_errno=True), "prctl", None)
    if prctl is not None:
        prctl(_PR_SET_DUMPABLE, 0, 0, 0, 0)
    before = os.umask(_OTHERS)
    os.umask(before | _OTHERS)
