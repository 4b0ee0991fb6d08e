"""What `doctor` asks of a running daemon, and what it makes of the answer. Pure but for `ask_daemon`."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import msgspec

from smppd import __version__
from smppd.cli.findings import Finding
from smppd.cli.places import lock_holder
from smppd.cli.terminal import CommandError, plural
from smppd.cli.watch import Watch
from smppd.config import Config
from smppd.control import ControlRefused, ControlUnavailable, ask
from smppd.figures import AccountFigures, ConfigFigures, DaemonFigures, LinkFigures, OutletFigures

#: Seconds for the daemon to answer.
ANSWER_TIMEOUT = 5.0
#: A queue whose oldest message is older, an event loop later, a receipt parked longer: seconds.
OLD_QUEUED, LATE_LOOP, OLD_PARKED = 600.0, 0.25, 3600.0
_STOPPED = "does not run: start it (systemctl start smppd); if it ends again, its log says why"
_CERTIFICATE_SOON = 14 * 86_400.0


def ask_daemon(config: Config) -> DaemonFigures | Finding:
    """What the daemon says of itself, or what there is to say of it instead."""
    what = "daemon"
    try:
        answer = ask(config.observe.control, "status", timeout=ANSWER_TIMEOUT)
        return msgspec.convert(answer, DaemonFigures, strict=False)
    except msgspec.ValidationError as error:
        says = f"is of another version and does not say what this one asks ({error}): restart it"
        return Finding(what, False, says)
    except (ControlUnavailable, ControlRefused) as error:
        return _silent(what, config.spool.path / ".lock", error)


def _silent(what: str, lock: Path, error: ControlUnavailable | ControlRefused) -> Finding:
    """Nobody answers: is there anybody?"""
    pid = lock_holder(lock)
    if pid is not None:
        says = f"pid {pid} has the spool, and does not say how it is: {error}"
        return Finding(what, False, says)
    if isinstance(error, ControlUnavailable) and error.nobody:
        return Finding(what, True, _STOPPED, doubtful=True)
    return Finding(what, False, str(error))


def look_at_daemon(figures: DaemonFigures) -> Iterator[Finding]:
    """How it is, link by link, and whether its books balance."""
    yield _itself(figures)
    yield _configuration(figures.configuration)
    for link in figures.links:
        yield from _link(link, figures.now)
    for account in figures.accounts:
        yield _account(account)
    for outlet in figures.outlets:
        yield _outlet(outlet)
    yield _balance(figures)
    yield _unknown(figures)
    yield _queue(figures)
    yield _receipts(figures)
    yield _journal(figures)
    for what, why in figures.damaged.items():
        says = f"wait, the journal is damaged: {why}: smppd audit says what is; see Disaster in the manual"
        yield Finding(f"daemon, {what}", False, says)
    for what, why in figures.disk.items():
        yield Finding(f"daemon, {what}", False, f"cannot be written: {why}")
    if figures.loop.tail > LATE_LOOP:
        late = f"is late by {1000 * figures.loop.tail:,.0f} ms (1 in 100)"
        cure = "give it more of a processor, or find what else runs there"
        yield Finding("daemon, event loop", True, f"{late}: {cure}", doubtful=True)


def look_at_flow(control: Path) -> Iterator[Finding]:
    """What is wrong with what it sends, which takes a second at least, and five where that is in doubt."""
    watch = Watch(control)
    try:
        watch.look()
        watch.look_well()
    except CommandError:
        return  # which is said of it elsewhere
    for each in watch.of_late():
        says = ": ".join(filter(None, (each.why, each.cure)))
        yield Finding(each.what, each.gravity != "bad", says, doubtful=True)


def _itself(figures: DaemonFigures) -> Finding:
    says = f"runs, pid {figures.pid}, version {figures.version}"
    if figures.version != __version__:
        cure = "restart it, to have what is installed"
        return Finding("daemon", True, f"{says}, and {__version__} is installed: {cure}", True)
    if figures.stopping:
        return Finding("daemon", True, f"{says}, and is stopping", doubtful=True)
    return Finding("daemon", True, says)


def _configuration(loaded: ConfigFigures) -> Finding:
    """Whether what it goes by is what stands in the file."""
    what = "daemon, configuration"
    if loaded.refused:
        says = f"the last reload was refused: {'; '.join(loaded.refused)}"
        return Finding(what, False, f"{says}: mend that, and smppd reload")
    try:
        changed = bool(loaded.file) and Path(loaded.file).stat().st_mtime > loaded.loaded
    except OSError:
        changed = False
    if changed:
        says = f"{loaded.file} was changed after the daemon read it: smppd reload"
        return Finding(what, True, says, doubtful=True)
    return Finding(what, True, f"is {loaded.file or 'of no file'} as it stands")


def _link(link: LinkFigures, now: float) -> Iterator[Finding]:
    what = f"link {link.name}"
    if link.paused:
        yield Finding(what, True, link.unready, doubtful=True)
    elif link.unready:
        yield Finding(what, False, f"{link.unready}: see what is said of its bind")
    else:
        of = f"{link.bound} of {len(link.sessions)} sessions bound"
        last = f"; its last trouble: {link.last_error}" if link.last_error else ""
        short = link.bound < len(link.sessions)
        yield Finding(what, True, f"{of}{last}", doubtful=short)
    expires = link.certificate_expires
    if expires is not None and expires - now < _CERTIFICATE_SOON:
        days = (expires - now) / 86_400
        says = f"the SMSC's ends in {days:.0f} days: ask the provider to renew it"
        yield Finding(f"{what}, certificate", True, says, doubtful=True)


def _account(account: AccountFigures) -> Finding:
    what = f"account {account.name}"
    if account.unready:
        return Finding(what, bool(account.paused), account.unready, doubtful=True)
    last = f"; its last trouble: {account.last_error}" if account.last_error else ""
    return Finding(what, True, f"is called when it is needed{last}")


def _outlet(outlet: OutletFigures) -> Finding:
    what = f"outlet {outlet.name}"
    if outlet.failing_since is not None:
        cure = "mend what takes its events; they wait meanwhile"
        return Finding(what, False, f"fails: {outlet.last_error}: {cure}")
    if outlet.given_up:
        says = f"gave up {plural(outlet.given_up, 'event')}: see given_up/ and the log"
        return Finding(what, True, says, doubtful=True)
    return Finding(what, True, f"{plural(outlet.delivered, 'event')} taken, {outlet.behind} behind")


def _balance(figures: DaemonFigures) -> Finding:
    """Every accepted message is in exactly one state."""
    what, balance = "daemon, accounts", figures.accepted - sum(figures.states.values())
    if balance:
        says = f"do not balance by {balance:+,}: run smppd audit, and report this as a fault"
        return Finding(what, False, says)
    return Finding(what, True, f"balance: {plural(figures.accepted, 'message')}, each in one state")


def _unknown(figures: DaemonFigures) -> Finding:
    what, held = "daemon, held as unknown", figures.states.get("unknown", 0)
    if not held:
        return Finding(what, True, "nothing")
    says = (
        f"{plural(held, 'message')} of which nobody knows whether the SMSC took them: wait for"
        " receipts; then smppd requeue sends them again, smppd cancel gives them up"
    )
    return Finding(what, True, says, doubtful=True)


def _queue(figures: DaemonFigures) -> Finding:
    what, queued = "daemon, queue", figures.states.get("queued", 0) - figures.scheduled
    since = figures.oldest_queued
    if since is None or figures.now - since < OLD_QUEUED:
        return Finding(what, True, f"{plural(max(queued, 0), 'message')} wait for their turn")
    minutes = (figures.now - since) / 60
    limits = {link.limited_by for link in figures.links if link.limited_by}
    because = f" (limited by: {', '.join(sorted(limits))})" if limits else ""
    says = f"the oldest message has waited for {minutes:,.0f} minutes{because}: see smppd status"
    return Finding(what, True, says, doubtful=True)


def _receipts(figures: DaemonFigures) -> Finding:
    what, since = "daemon, receipts", figures.oldest_parked
    if figures.parked_receipts and since is not None and figures.now - since > OLD_PARKED:
        says = (
            f"{plural(figures.parked_receipts, 'receipt')} found no message: if this account sends"
            " from elsewhere, too, that is why; else set message_id_form as the provider says"
        )
        return Finding(what, True, says, doubtful=True)
    return Finding(what, True, f"{figures.parked_receipts:,} wait for their message")


def _journal(figures: DaemonFigures) -> Finding:
    half = figures.journal.commit_seconds.quantile(0.99)
    says = f"{figures.journal.octets / (1 << 20):,.0f} MiB"
    if half is not None and half > 1.0:
        says = f"{says}; 1 commit in 100 takes more than {half:.1f} s: see the disk"
        return Finding("daemon, journal", True, says, doubtful=True)
    return Finding("daemon, journal", True, says)
