"""What each event is called in the log, which never changes; how grave it is; how a person reads it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from types import MappingProxyType
from typing import Literal, NamedTuple

from smppd import events
from smppd.observe.summing import Summed

Level = Literal["debug", "info", "warning", "error"]


class Line(NamedTuple):
    """How one kind of event is logged. `renamed`: event field to log field, where they differ."""

    name: str
    level: Level
    says: str
    renamed: Mapping[str, str] = MappingProxyType({})


_IN_DOUBT = MappingProxyType({"in_doubt": "outcome_unknown"})
_LEVEL = MappingProxyType({"level": "from_level"})  # that of the line is another
_STOPPED = MappingProxyType({"in_doubt": "outcome_unknown", "seconds": "took"})
_LASTED = MappingProxyType({"seconds": "took"})
_REFUSED = MappingProxyType({"status_name": "status", "status": "status_code"})

#: How each kind of event is logged.
LINES: Mapping[type[events.Event], Line] = MappingProxyType(
    {
        events.DaemonStarted: Line("daemon_started", "info", "smppd has started", _STOPPED),
        events.DaemonStopping: Line("daemon_stopping", "info", "draining before the stop"),
        events.DaemonStopped: Line("daemon_stopped", "info", "smppd has stopped", _STOPPED),
        events.ConfigReloaded: Line("config_reloaded", "info", "configuration was read again"),
        events.ReloadRefused: Line(
            "reload_refused", "error", "new configuration refused, nothing has changed"
        ),
        events.LogLevelSet: Line(
            "log_level_set", "info", "more or less is logged for a while", _LEVEL
        ),
        events.LogLevelOver: Line("log_level_over", "info", "as much is logged as before"),
        events.PduPassed: Line("pdu_passed", "debug", "PDU"),
        events.MessageWatched: Line("message_watched", "debug", "happened to the message"),
        events.LinkConnecting: Line("link_connecting", "info", "connecting to the SMSC"),
        events.LinkBound: Line("link_bound", "info", "link is bound"),
        events.BindRefused: Line("bind_refused", "warning", "bind refused", _REFUSED),
        events.BindNeedsOperator: Line(
            "bind_needs_operator", "error", "binds are refused until somebody acts", _REFUSED
        ),
        events.LinkLost: Line("link_lost", "warning", "link lost", _IN_DOUBT),
        events.AnswersMissing: Line("answers_missing", "warning", "submits had no answer in time"),
        events.ConnectionsRefused: Line(
            "connections_refused", "warning", "no more connections can be taken"
        ),
        events.LinkUnbound: Line("link_unbound", "info", "link unbound in good order"),
        events.LinkUnverified: Line("link_unverified", "warning", "SMSC is not verified"),
        events.CertificateExpiring: Line(
            "certificate_expiring", "warning", "certificate of the SMSC expires soon"
        ),
        events.ProtocolOddity: Line("protocol_oddity", "info", "odd PDU, dealt with"),
        events.FileClaimed: Line("file_claimed", "info", "reading a file"),
        events.FileAdmitted: Line("file_admitted", "info", "file is in the journal"),
        events.FileQuarantined: Line("file_quarantined", "warning", "unusable file, nothing sent"),
        events.InboxUnwatched: Line(
            "inbox_unwatched", "warning", "inotify tells nothing of new files; they are looked for"
        ),
        events.InboxMadeAgain: Line(
            "inbox_made_again", "warning", "a folder of the inbox was gone; who may write there?"
        ),
        events.FileWaiting: Line("file_waiting", "warning", "file stays in the inbox"),
        events.FileReported: Line("file_reported", "info", "file is done, results written"),
        events.JournalDamaged: Line(
            "journal_damaged", "error", "the journal is damaged, and part of the work waits"
        ),
        events.Requeued: Line("requeued", "info", "messages put back in the queue"),
        events.Cancelled: Line("cancelled", "info", "messages cancelled"),
        events.QueriesRefused: Line(
            "queries_refused", "warning", "the SMSC refuses query_sm; is query_sm = true right?"
        ),
        events.StatusesRefused: Line(
            "statuses_refused", "warning", "the account does not answer getdeliverystatus"
        ),
        events.StatusWordNew: Line(
            "status_word_new", "warning", "a delivery status that nobody has explained"
        ),
        events.FallbackBegan: Line(
            "fallback_began", "warning", "messages go over the HTTP API instead"
        ),
        events.FallbackEnded: Line("fallback_ended", "info", "messages go over their link again"),
        events.RouteMoved: Line("route_moved", "warning", "a route goes over another link"),
        events.LinkMissing: Line("link_missing", "warning", "messages wait for no link"),
        events.DiskFailing: Line(
            "disk_failing", "warning", "the disk takes no more, and is waited for"
        ),
        events.DiskRecovered: Line("disk_recovered", "info", "the disk takes what it must again"),
        events.MailboxFailing: Line("mailbox_failing", "warning", "cannot keep what handsets send"),
        events.MailboxRecovered: Line("mailbox_recovered", "info", "what handsets send is kept"),
        events.ReceivedIncomplete: Line(
            "received_incomplete", "warning", "a handset's message without all its parts"
        ),
        events.OptedOut: Line("opted_out", "info", "a handset wants no more messages"),
        events.OptedIn: Line("opted_in", "info", "a handset wants messages again"),
        events.OptOutUnclear: Line(
            "opt_out_unclear", "warning", "a wish of no more messages from nobody knows whom"
        ),
        events.OptOutUnconfirmed: Line(
            "opt_out_unconfirmed", "warning", "cannot confirm an opt-out"
        ),
        events.OptOutsChanged: Line("opt_outs_changed", "info", "the opt-out list was changed"),
        events.TraceStarted: Line("trace_started", "info", "a trace has begun"),
        events.TraceEnded: Line("trace_ended", "info", "a trace is over"),
        events.TraceBroken: Line("trace_broken", "warning", "a trace could not go on"),
        events.EventHandlerFailed: Line(
            "eventhandler_failed", "warning", "the event handler failed"
        ),
        events.ChatFailing: Line("chat_failing", "warning", "cannot read a chat channel"),
        events.ChatRecovered: Line("chat_recovered", "info", "chat channel is read again"),
        events.OutletFailing: Line("outlet_failing", "warning", "events do not get out and wait"),
        events.OutletRecovered: Line("outlet_recovered", "info", "events get out again", _LASTED),
        events.OutletGaveUp: Line("outlet_gave_up", "error", "events were refused and put aside"),
        events.OutletLeft: Line(
            "outlet_left",
            "warning",
            "an outlet went before it had told everything",
        ),
        events.OutletGap: Line("outlet_gap", "error", "events are gone that nobody was told"),
        events.PlaceCleared: Line("place_cleared", "info", "old files removed"),
        events.ReceiptsGivenUp: Line(
            "receipts_given_up", "info", "no receipt came in all this time; they stay sent"
        ),
        events.JournalPruned: Line("journal_pruned", "info", "old messages removed"),
        events.RetentionFailing: Line("retention_failing", "warning", "cannot remove what is old"),
        events.ForeignFiles: Line("foreign_files", "warning", "files that are not ours stay"),
        events.ClockDoubted: Line(
            "clock_doubted", "warning", "the clock jumped, nothing is removed"
        ),
        events.RefusalsUnusual: Line(
            "refusals_unusual", "warning", "messages fail for an unusual reason", _REFUSED
        ),
        events.CodeUndocumented: Line(
            "code_undocumented", "warning", "a call failed with a code that no document has"
        ),
        events.LinkPaused: Line("link_paused", "warning", "link is paused, its messages wait"),
        events.LinkResumed: Line("link_resumed", "info", "link submits again"),
        events.CampaignPaused: Line("campaign_paused", "warning", "campaign is held"),
        events.CampaignResumed: Line("campaign_resumed", "info", "campaign goes on"),
        events.CampaignCancelled: Line("campaign_cancelled", "info", "campaign is cancelled"),
        events.AccountUnreachable: Line(
            "account_unreachable", "warning", "the provider does not answer, its calls wait"
        ),
        events.AccountReachable: Line(
            "account_reachable", "info", "the provider answers again", _LASTED
        ),
    }
)

#: The fields of each event, and what they are called in its line.
FIELDS: Mapping[type[events.Event], tuple[tuple[str, str], ...]] = MappingProxyType(
    {
        kind: tuple(
            (field.name, line.renamed.get(field.name, field.name)) for field in fields(kind)
        )
        for kind, line in LINES.items()
    }
)

#: What may come by the thousand in a second, and how it is told then.
SUMMED: Mapping[type[events.Event], Summed] = MappingProxyType(
    {
        events.FileClaimed: Summed("files_claimed", "reading further files", ("octets",)),
        events.FileAdmitted: Summed(
            "files_admitted", "further files are in the journal", ("lines", "rejected")
        ),
        events.FileReported: Summed(
            "files_reported", "further files are done, results written", counts=("states",)
        ),
    }
)

#: How a person reads the line of this name.
SAYS: Mapping[str, str] = MappingProxyType(
    {line.name: line.says for line in LINES.values()}
    | {line.name: line.says for line in SUMMED.values()}
)
