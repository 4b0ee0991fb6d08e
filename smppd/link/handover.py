"""From the reader to the pipeline: what one read brought goes to disk, and only then is acknowledged.

Answers wake the writer before the disk is waited for; while that takes long, `standby` listens in
the reader's place. Raises what `Submissions` raises.
"""

from __future__ import annotations

from collections.abc import Callable

import trio

from smppd.link.asking import count_reply
from smppd.link.batch import Batch
from smppd.link.loading import Loader
from smppd.link.standby import Standby
from smppd.link.traffic import Traffic
from smppd.ports import Returned
from smppd.smpp.session import Session, UnreadableReceived
from smppd.smpp.vocabulary import CommandStatus

#: What a message is answered with that could not be stored, or not be read (3.4, 5.1.3).
_COME_AGAIN = CommandStatus.ESME_RX_T_APPN
_CANNOT_READ = CommandStatus.ESME_RX_R_APPN


class Handover:
    """Hands batches over for one session, one after the other. `wake` wakes its writer."""

    __slots__ = ("_loader", "_session", "_settling", "_standby", "_traffic", "_wake")

    def __init__(
        self,
        session: Session,
        traffic: Traffic,
        loader: Loader,
        standby: Standby,
        wake: Callable[[], None],
    ) -> None:
        self._session = session
        self._traffic = traffic
        self._loader = loader
        self._standby = standby
        self._wake = wake
        #: How long the last batch waited for the disk, in seconds.
        self._settling = 0.0

    async def hand_over(self, batch: Batch) -> None:
        """Tell the pipeline, and acknowledge what it has put on disk."""
        batch.outcomes += self._loader.unwritable
        self._loader.unwritable.clear()
        self._hear(batch)
        if batch.signs.answers:
            self._heed(batch)
        if self._loader.pulled:
            self._loader.hold_rest(batch.outcomes)
        self._wake()
        self._traffic.note_room()
        lost = await self._put_on_disk(batch) if batch.for_the_disk else set()
        if batch.requests:
            self._acknowledge(batch, lost)
            self._wake()

    def _hear(self, batch: Batch) -> None:
        """Account for the questions answered, and for those that could not be put."""
        asker, replies = self._loader.asker, batch.replies
        if replies:
            asker.heard(replies)
        if asker.unencodable:
            replies += asker.unencodable
            asker.unencodable.clear()
        for reply in replies:
            count_reply(reply, self._traffic.figures)

    def _heed(self, batch: Batch) -> None:
        """Learn the pace from the answers; what they had to wait for us is not their latency.

        What was throttled goes back together with everything behind it, in one lot and in its
        order, so that nothing overtakes it.
        """
        signs, traffic, now = batch.signs, self._traffic, trio.current_time()
        signs.waited = max(0.0, signs.waited - signs.answers * self._settling)
        self._settling = 0.0
        traffic.pace.note(signs, now)
        if signs.throttled:
            batch.outcomes += [Returned(part.msg_id, part.index) for part in traffic.recall()]
        if traffic.pace.is_careful(now):
            traffic.wake_writers()

    async def _put_on_disk(self, batch: Batch) -> set[int]:
        """Return when it is there; which of its requests could not be kept."""
        name, submissions = self._traffic.name, self._traffic.submissions
        self._standby.begin()
        if batch.outcomes or batch.receipts:
            began = trio.current_time()
            refused = await submissions.settle(name, batch.outcomes, batch.receipts)
            self._settling = trio.current_time() - began
            self._traffic.limiting.waited(self._settling)
            for number in refused:
                batch.take_for_message(number)
            self._traffic.figures.received += len(refused)
        if batch.replies:
            await submissions.answered(name, batch.replies)
        lost: set[int] = set()
        if batch.messages:
            kept = await submissions.keep(name, batch.messages)
            lost.update(at for at, safe in zip(batch.messages_at, kept, strict=True) if not safe)
        await self._standby.end()
        return lost

    def _acknowledge(self, batch: Batch, lost: set[int]) -> None:
        """Answer in the order in which they came; those that could not be kept are to come again."""
        if not batch.messages:  # nearly always: nothing but receipts
            self._session.acknowledge(batch.requests)
            return
        for at, received in enumerate(batch.requests):
            status = _CANNOT_READ if isinstance(received, UnreadableReceived) else 0
            self._session.respond(received, status=_COME_AGAIN if at in lost else status)
