"""Facts that stand together in one row of the log: nearly all there are, several to what was read at once.

A row costs as much as what it says. Each fact in a bundle has a seq of its own, and is to every reader of the
log as if it had a row. The row has the seq of the last, so that whatever is behind a seq is found by its key;
`num` is how many seqs it spans, `detail` has its members. Raises `Damaged` for a row that is damaged.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import msgspec

from smppd.ledger.facts import Damaged, Fact, Kind, encode
from smppd.smpp.vocabulary import MessageState

#: A bundle has no more facts than this: to read one of them, all are. Those that end messages are read
#: in the order of a file, which is not theirs: each message's result costs all that is in its bundle.
MOST, MOST_ENDS = 64, 16

#: What stands in place of a result.
NO_RESULT = msgspec.Raw(encode(None))


class Member(msgspec.Struct, array_like=True, gc=False):
    """A fact in a bundle: its message, its text, and its result, where facts of the kind have one."""

    msg: int
    text: str
    result: msgspec.Raw = NO_RESULT


#: Members in the order of their seqs; None stands for one that was removed.
Members = Sequence[Member | None]

_read_members = msgspec.msgpack.Decoder(list[Member | None]).decode

#: Of each kind of bundle, the kind and the `num` of the facts in it, and whether they made their message
#: final. All are about its only part.
_EACH: dict[int, tuple[int, int | None, bool]] = {
    int(Kind.SENT_BUNDLE): (int(Kind.SENT), None, False),
    int(Kind.DELIVERED_BUNDLE): (int(Kind.RECEIPT), int(MessageState.DELIVERED), True),
}
BUNDLES = frozenset(_EACH)


def bundled(at: float, kind: int, last: int, members: Sequence[object]) -> Iterator[Fact]:
    """Rows for facts made one right after the other, the last under this seq; `members` have the fields of
    `Member`."""
    after = last - len(members)
    most = MOST_ENDS if kind == Kind.DELIVERED_BUNDLE else MOST
    for begin in range(0, len(members), most):
        some = members[begin : begin + most]
        after += len(some)
        yield Fact(after, at, kind, None, None, len(some), None, encode(some))


def single(row: Fact) -> Iterator[Fact]:
    """The facts that a row stands for, be it a bundle or one of them, in order."""
    if row.kind not in _EACH:
        yield row
        return
    kind, num, final = _EACH[row.kind]
    for seq, member in numbered(row.seq, row.num, row.detail):
        result = bytes(member.result) if final else None
        yield Fact(seq, row.at, kind, member.msg, 0, num, member.text, None, result)


def members_of(last: int, num: int | None, detail: bytes | None) -> Members:
    """The members of the bundle with this seq."""
    try:
        members = _read_members(detail or b"")
    except (msgspec.MsgspecError, TypeError) as error:
        raise Damaged(f"fact {last} is a bundle that cannot be read: {error}") from error
    if len(members) != num:
        raise Damaged(f"fact {last} is a bundle of {num} that has {len(members)}")
    return members


def numbered(last: int, num: int | None, detail: bytes | None) -> Iterator[tuple[int, Member]]:
    """The members of a bundle that are there, each with its seq."""
    members = members_of(last, num, detail)
    for seq, member in enumerate(members, last - len(members) + 1):
        if member is not None:
            yield seq, member


def mention(msg_id: int) -> bytes:
    """The octets that the `detail` of a bundle has if it is about this message. Others may have them, too."""
    return encode(msg_id)
