"""The pitfalls of SMPP in the field, each shown by tests named `test_pNN_…`.

How to show one: ask for `rig` and `autojump_clock` (time is virtual), begin a life of the daemon
with the link's keys, and speak to it.

    async def test_p05_an_unknown_command_is_nacked(rig: Rig, autojump_clock: MockClock) -> None:
        await rig.start(window=5)                        # any keys of a link
        rig.smsc.say(pdu(0x00010200, sequence=5))        # raw octets, `cut=1` for one at a time
        await rig.until(lambda: rig.call.heard(GENERIC_NACK))
        assert rig.call.heard(GENERIC_NACK)[0].sequence == 5

- `rig.smsc` (`raw.RawSmsc`) speaks octets and shares no code with the daemon. It accepts binds
  and submits unless told otherwise (`accepting`, `bind_status`, `on_frame`); `rig.call` is its
  newest connection: `frames`, `heard(SUBMIT_SM)`, `say`, `accept`, `drop`, `deaf`. `raw` has
  builders: `pdu`, `tlv`, `message` (body of a deliver_sm), `receipt`.
- `rig.simulate(**script)` puts the simulated SMSC in its place, for one host or another.
- `rig.hand_in(rig.sms(1), rig.sms(2, text="…"))` renames a file into the inbox. What became of it:
  `rig.state("m1")`, `rig.show("m1")`, `rig.states()`, `rig.results(name)`, `rig.receipts()`,
  `rig.received()`, `rig.figures()`, `rig.of(events.LinkLost)`.
- `await rig.kill()` ends the daemon as `kill -9` does, `await rig.stop()` as SIGTERM does, and
  `await rig.start_again()` begins the next life on the same files. `rig.skew += 3600` lets an
  hour pass for people's clock. `links={"a": {...}, "b": {...}}` makes several links.
- `await rig.until(lambda: …)` waits for something; `await rig.quiet()` until nothing moves.

Test modules import `Rig` from `tests.pitfalls.rig`. At the end of a run with such tests the report
has a table: which pitfall is shown by which tests.
"""

from __future__ import annotations

from pathlib import Path

import pytest
import trio

from tests.pitfalls.rig import BOOKKEEPING, Rig


@pytest.fixture
async def rig(nursery: trio.Nursery, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Rig:
    """A daemon that has not started yet."""
    monkeypatch.setattr("smppd.app.bookkeeping.BOOKKEEPING", BOOKKEEPING)
    return Rig(nursery, tmp_path)
