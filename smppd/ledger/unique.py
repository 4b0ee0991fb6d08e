"""What tells one text to one number from all others of a campaign, in a key beside client ids. Pure.

It is kept with the message, so that a start after a crash knows it although the text may be gone.
"""

from __future__ import annotations

from hashlib import blake2b

from smppd.ledger.facts import encode
from smppd.ledger.snapshot import FileAccount
from smppd.message import Message
from smppd.smpp.vocabulary import EsmClass

#: No client's id begins so but by intent.
_PREFIX = "\x01text:"
_UDHI = int(EsmClass.UDHI)


def scope_of(file: FileAccount) -> str:
    """What a file's texts are unique in: its campaign, or else the file alone."""
    return f"c {file.terms.name}" if file.terms.name else f"f {file.token}/{file.name}"


def text_key(scope: str, message: Message) -> str:
    """The key of this text to this number; the reference of a long message makes no difference."""
    segments = message.segments
    if len(segments) > 1 and message.esm_class & _UDHI:
        segments = tuple(octets[octets[0] + 1 :] for octets in segments)
    said = encode((scope, message.to, message.data_coding, segments, message.call))
    return _PREFIX + blake2b(said, digest_size=16).hexdigest()
