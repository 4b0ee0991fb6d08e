"""Whose the settings are that lie beside a file. Pure.

In an inbox that many share, each may put any name beside a file of somebody else's, whose messages would
then have another sender, another text, another time.
"""

from __future__ import annotations

import os

STRANGE_CURE = "hand both in as the same user, or remove it"


def why_strange(settings: os.stat_result, file: os.stat_result) -> str:
    """Why these settings are not to be believed, by what the disk says of them and of their file; nothing
    when they are its owner's, or root's, or our own."""
    if settings.st_uid not in (file.st_uid, 0, os.geteuid()):
        return f"belongs to another user (uid {settings.st_uid}) than the file (uid {file.st_uid})"
    return "has a second name (hard link)" if settings.st_nlink > 1 else ""
