"""message_ids that an SMSC gives more than once."""

from __future__ import annotations

from smppd.ledger.message_ids import OLDER, MessageIds


def test_of_an_id_that_is_given_to_all_messages_only_the_newest_are_kept() -> None:
    ids = MessageIds()
    for msg_id in range(3 * OLDER):
        ids.add("main\t0", (msg_id, 0))
    newest = 3 * OLDER - 1
    assert ids.places("main\t0") == [(newest - n, 0) for n in range(OLDER + 1)]
    ids.add_older("main\t0", (7, 0))
    assert len(ids.places("main\t0")) == OLDER + 1
    for msg_id in range(3 * OLDER):
        ids.remove("main\t0", msg_id)
    assert not len(ids)
    assert ids.places("main\t0") == []
