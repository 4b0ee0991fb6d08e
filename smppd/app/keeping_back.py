"""What keeps messages back by the configuration: opt-outs, quiet hours, the cap; built, and changed."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from smppd.app.capping import build_cap
from smppd.app.optingout import opt_out_terms, spare_lanes
from smppd.config import Config
from smppd.journal.journal import Journal
from smppd.message import Lane
from smppd.pipeline.cap import Cap
from smppd.pipeline.desk import Desk
from smppd.pipeline.hours import QuietHours
from smppd.pipeline.optouts import OptOuts


class KeepingBack:
    """Has the gate of a desk ask what is configured. `wall` gives epoch seconds."""

    def __init__(
        self, desk: Desk, opt_outs: OptOuts, journal: Journal, wall: Callable[[], float]
    ) -> None:
        self._gate = desk.gate
        self._opt_outs = opt_outs
        self._journal = journal
        self._wall = wall
        self._quiet: QuietHours | None = None
        #: What counts the messages to each number, if anything does.
        self.cap: Cap | None = None

    def change(self, config: Config, queues: Mapping[int, tuple[str, Lane]]) -> None:
        """Go by this from now on; what is held until a moment stays so until then. Nobody may be asking
        just now."""
        lanes = {number: lane for number, (_, lane) in queues.items()}
        spare_lanes(config, self._opt_outs, queues)
        self._opt_outs.change_terms(opt_out_terms(config))
        if self._quiet is not None:
            self._gate.drop(self._quiet.check)
        self._quiet = QuietHours(config.quiet, lanes) if config.quiet else None
        if self._quiet is not None:
            self._gate.add(self._quiet.check)
        if self.cap is not None and config.policy.per_number_per_day:
            self.cap.change(config.policy, lanes)
        else:
            self.cap = build_cap(config, queues, self._journal, self._wall)
            self._gate.count_with(self.cap)
