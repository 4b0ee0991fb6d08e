"""Whether a file that somebody may still be writing has all its octets.

OSError leaves nothing here: a file that cannot be looked at is not whole.
"""

from __future__ import annotations

import os
from io import FileIO

from smppd.placing import PLAINLY
from smppd.spool.chunks import BLOCK
from smppd.spool.formats import Format, closes
from smppd.spool.packed import PackedError, Unpacked

#: Octets unpacked at one look, so that nobody waits for long.
_AT_ONCE = 4 << 20
#: A packed file that nobody has asked about for so long (seconds) makes room for another one.
_FORGOTTEN_AFTER = 5.0


def is_whole(path: str, form: Format, size: int, max_line: int) -> bool:
    """Look at the end of a file, or at all of a message that is not too long to be one."""
    start = 0 if form is Format.JSON and size <= max_line else max(size - 4096, 0)
    descriptor = _open(path)
    if descriptor is None:
        return False
    try:
        content = os.pread(descriptor, size - start, start)
    except OSError:
        return False
    finally:
        os.close(descriptor)
    if form is Format.JSON and start:
        return content.rstrip().endswith(b"}")
    return closes(form, content)


class PackedLook:
    """Unpacks one file at a time, as far as it is asked to, to see whether its end is there."""

    def __init__(self) -> None:
        self._what: tuple[str, tuple[int, int]] | None = None
        self._asked = 0.0
        self._octets: Unpacked | None = None

    def is_whole(self, path: str, signature: tuple[int, int], now: float) -> bool | None:
        """None: not known yet, ask again. What is broken counts as whole: no octet would mend it."""
        if self._what != (path, signature):
            if self._octets is not None and now - self._asked < _FORGOTTEN_AFTER:
                return None
            self.close()
            descriptor = _open(path)
            if descriptor is None:
                return False
            self._what, self._octets = (path, signature), Unpacked(FileIO(descriptor))
        assert self._octets is not None
        self._asked = now
        found = _read_some(self._octets)
        if found is not None:
            self.close()
        return found

    def close(self) -> None:
        """Give the descriptor back."""
        if self._octets is not None:
            self._octets.close()
        self._what = self._octets = None


def _read_some(octets: Unpacked) -> bool | None:
    try:
        for _ in range(_AT_ONCE // BLOCK):
            if not octets.read(BLOCK):
                return octets.position > 0
    except PackedError as error:
        return not error.cut
    except OSError:
        return False
    return None


def _open(path: str) -> int | None:
    try:
        return os.open(path, PLAINLY)
    except OSError:
        return None
