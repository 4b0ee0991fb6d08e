"""Every part of the daemon, built and introduced to the others. Nothing runs yet."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from functools import partial
from random import SystemRandom

from smppd.app.accounts import HttpAccounts, account_pool
from smppd.app.asking import AskingOverHttp, build_fallbacks, cancel_terms, query_terms
from smppd.app.chatting import chat_polling
from smppd.app.keeping import DaysInUse, ages_of, places_of
from smppd.app.keeping_back import KeepingBack
from smppd.app.linking import Linking
from smppd.app.missed import missed
from smppd.app.optingout import Heeding, build_opt_outs
from smppd.app.outlets import Surrounding, Telling
from smppd.app.smstools import build_outgoing, build_papers
from smppd.app.surroundings import Stores, Surroundings
from smppd.config import Config
from smppd.disk import Disk
from smppd.events import Emit
from smppd.httpapi.account import Account
from smppd.httpapi.caller import Around
from smppd.httpapi.chat import Keeping
from smppd.journal.journal import Journal
from smppd.journal.schema import JournalError
from smppd.journal.store import Batch, Store
from smppd.keeping.pruner import Pruner
from smppd.keeping.station import Clock, Housekeeping
from smppd.keeping.stripper import Stripper
from smppd.ledger.facts import LedgerError
from smppd.ledger.ledger import Ledger
from smppd.ledger.snapshot import FileAccount
from smppd.link.link import Link
from smppd.message import Lane
from smppd.pipeline.admission import Admission
from smppd.pipeline.ahead import Ahead
from smppd.pipeline.calls import CallSettlement
from smppd.pipeline.campaigns import Campaigns
from smppd.pipeline.cancellation import Cancellation
from smppd.pipeline.cap import Cap
from smppd.pipeline.desk import Desk
from smppd.pipeline.dispatch import Dispatcher
from smppd.pipeline.incoming import Incoming
from smppd.pipeline.inquiry import Inquiry
from smppd.pipeline.items import terms_of
from smppd.pipeline.overdue import Overdue
from smppd.pipeline.pools import Pool
from smppd.pipeline.publish import Publication
from smppd.pipeline.query_terms import QueryTerms
from smppd.pipeline.refusals import Refusals
from smppd.pipeline.settlement import Settlement
from smppd.pipeline.turns import Turns
from smppd.pipeline.unheard import Unheard
from smppd.ports import Letter
from smppd.publishing import Where, beginning_apart, placing_apart
from smppd.results.chats import ChatLetterbox
from smppd.results.mailbox import Mailbox, MailRules
from smppd.results.progress import ProgressWriter
from smppd.results.receipts import ReceiptLog
from smppd.results.report import ReportTerms
from smppd.results.reporter import Reporter
from smppd.spool.judging import IntakeRules
from smppd.spool.space import Space
from smppd.spool.station import Spool
from smppd.tracing.station import Tracing


class Parts:
    """The parts by their names. `passwords` by the names of links and accounts; what must be closed
    goes on `stack`.

    Building them takes the accounts up where the last run left them. Raises `JournalError`.
    """

    def __init__(
        self,
        config: Config,
        passwords: dict[str, str],
        emit: Emit,
        around: Surroundings,
        stores: Stores,
        stack: ExitStack,
    ) -> None:
        self.config = config
        self._emit = emit
        self.disk = Disk(emit)
        self.tracing = Tracing(emit, around.wall)
        self._around = around
        last = stores.main.log.last_at()
        self._build_desk(stores.main)
        self._build_settlement(stores.main, stack)
        self._build_pools(stores.main)
        self._build_ways(passwords)
        self.join_pools()
        self._build_asking()
        self._build_chat(stores.main)
        self._build_spool(stores.reader)
        beside = Surrounding(emit, around.wall, around.run_sync)
        papers = build_papers(config, beside)
        self.outgoing = build_outgoing(config, papers, stores.reader, beside)
        self.telling = Telling(config, self.journal, beside, papers)
        stack.callback(self.telling.close)
        self.telling.build(config, passwords, stores.main)
        self.outlets = self.telling.outlets
        self.clock = Clock(around.wall, last, emit)
        self.unheard = Unheard(self.desk, config.spool.receipt_wait, self.clock.now, emit)
        self._build_keeping(stores.main)

    def _build_desk(self, store: Store) -> None:
        self.ledger = Ledger()
        try:
            self.ledger.accounts, recent = store.load()
        except LedgerError as error:
            raise JournalError(error.of_the_journal) from error
        self.ledger.accounts.message_ids.conflicts.clear()  # those of earlier runs
        self.journal = Journal(store, run_sync=self._around.run_sync, disk=self.disk)
        self.desk = Desk(self.ledger, recent, self.journal, self._around.wall)

    def _build_settlement(self, store: Store, stack: ExitStack) -> None:
        config, around = self.config, self._around
        self.receipts = ReceiptLog(
            config.spool.path / "receipts", self.disk, content=not config.retention.drops_contents
        )
        stack.callback(self.receipts.close)
        self.receipts.append(missed(store, self.receipts.recover()))
        self.alphabets = alphabets_of(config)
        rules = MailRules(config.spool.reassembly_timeout, self.alphabets)
        self.mailbox = Mailbox(config.spool.path, around.wall, self._emit, rules, around.run_sync)
        self.incoming = Incoming(self.desk)
        self.mailbox.note_with(self.incoming.note)
        self.mailbox.recover(partial(self._note_at_once, store))
        self.refusals = Refusals(self.desk, self._emit, SystemRandom().random)
        self.opt_outs = build_opt_outs(config, store, self.journal)
        self.opt_outs.enforce_with(self.desk.gate.add)
        self.heeding = Heeding(config, self.opt_outs, self._emit, around)
        wishing = self.heeding.handsets(self.mailbox)
        self.settlement = Settlement(self.desk, self.receipts, wishing, self.refusals)
        chance = SystemRandom().random
        self.calls = CallSettlement(self.desk, self.refusals, self._emit, chance)

    def _build_pools(self, store: Store) -> None:
        """The queues of each link, account and route, and in which order links take from them."""
        turns = turns_of(self.config)
        numbers = {(pool, lane): store.enter_queue(pool, lane) for pool in turns for lane in Lane}
        #: Every queue there ever was, with its pool and lane; also of what is not configured now.
        self.queues = store.queues()
        self.enter_queues(numbers)
        self.keeping_back = KeepingBack(self.desk, self.opt_outs, self.journal, self._around.wall)
        self.keeping_back.change(self.config, self.queues)
        self.pools = [self.build_pool(name, each) for name, each in turns.items()]

    def enter_queues(self, numbers: Mapping[tuple[str, Lane], int]) -> None:
        """Queues and their numbers, of the configuration as it is now. What waits for an account is found
        by its name, too, as what waits for a link."""
        self.queues |= {number: queue for queue, number in numbers.items()}
        pools = turns_of(self.config)
        lanes = {queue: number for number, queue in self.queues.items() if queue[0] in pools}
        of_accounts = {
            (account.name, lane): lanes[account_pool(account), lane]
            for account in self.config.accounts
            for lane in Lane
        }
        self.lanes = lanes | of_accounts

    def build_pool(self, name: str, turns: Turns) -> Pool:
        """A pool of queues that have been entered."""
        queues = [self.lanes[name, lane] for lane in Lane]
        return Pool(self.desk, name, queues, turns, self._emit)

    @property
    def cap(self) -> Cap | None:
        """What counts the messages to each number, if anything does."""
        return self.keeping_back.cap

    def _build_ways(self, passwords: dict[str, str]) -> None:
        """Each link, and each account at an HTTP API."""
        config, around = self.config, self._around
        self.linking = Linking(self.settlement, self.refusals, self._emit, around)
        self.linking.build(config, passwords)
        self.links = self.linking.links
        calling = Around(self._emit, around.wall, config.logs_calls_in_full)
        self.http = HttpAccounts(self.calls, self.refusals, self.journal, calling, around)
        self.http.build(config, passwords)
        self.accounts = self.http.by_name

    @property
    def ways(self) -> list[Link | Account]:
        """What carries messages now: links first, as in `dispatchers`."""
        return [*self.links, *self.accounts.values()]

    def join_pools(self) -> None:
        """A dispatcher for each link and account, in this order, which feeds it from its pools; and what
        takes pools over whose links are down. Nothing of the kind may be running."""
        self.dispatchers = [
            Dispatcher(
                self.desk, way, [pool for pool in self.pools if way.name in pool.turns.links]
            )
            for way in self.ways
        ]
        self.fallbacks = build_fallbacks(
            self.config, self.links, self.pools, self.accounts, self.desk, self._emit
        )

    def _build_asking(self) -> None:
        """What has questions for SMSCs and accounts, and hears what they say."""
        self.campaigns = Campaigns(self.desk, self._emit, self.links)
        self.overdue = Overdue(self.desk)
        may_cancel = cancel_terms(self.config, self.links)
        self.cancellation = Cancellation(self.desk, self.settlement.recall, may_cancel)
        self.over_http = AskingOverHttp(self.settlement, self._emit)
        self.over_http.change(self.config, self.accounts)
        self.inquiry = Inquiry(self.desk, self.asked, self._emit, self.refusals.pause)
        self.settlement.tell_of_replies(self.cancellation.heard)
        self.settlement.tell_of_replies(self.inquiry.heard)

    @property
    def asked(self) -> dict[str, QueryTerms]:
        """Who is asked about messages, by the name under which they are known."""
        return query_terms(self.config, self.links) | self.over_http.terms

    def _build_chat(self, store: Store) -> None:
        """What receives from chats, and gives out what the last run left."""
        around = self._around
        letterbox = ChatLetterbox(self.config.spool.path, around.wall, self._emit, around.run_sync)
        letterbox.note_with(self.incoming.note)
        letterbox.recover(
            lambda number, key: bool(store.chats.seen(number, [key])),
            partial(self._note_at_once, store),
        )
        keeping = Keeping(self.journal, self.heeding.chats(letterbox))
        self.chat = chat_polling(
            self.config, self.accounts, keeping, self._emit, self.desk, self.refusals
        )

    def _note_at_once(self, store: Store, letters: Sequence[Letter]) -> None:
        """Note what the last run has not given out, before the journal runs."""
        self.incoming.record(letters)
        store.commit(Batch(facts=self.ledger.take_facts()))

    def _build_spool(self, reader: Store) -> None:
        """What takes files in, and what reports them."""
        config, around, section = self.config, self._around, self.config.spool
        terms = terms_of(config, self.lanes)
        self.admission = Admission(self.desk, terms, self._emit)
        self.spool = Spool(
            section.path,
            self.admission,
            self._emit,
            rules=IntakeRules(section.poll_interval, section.settle, section.max_line),
            wall=around.wall,
            run_sync=around.run_sync,
        )
        self.spool.hand_over(around.run_many or around.run_sync)
        places = [section.path, config.journal.path.parent]
        self.space = Space(places, section.min_free, self.disk)
        self.spool.mind(self.space)
        self._reader = reader
        self._reporter = reporter = Reporter(
            where_of(config).placer(reader),
            around.run_sync,
            earlier=self.ledger.accounts.last_file,
            disk=self.disk,
        )
        self._publish_apart()
        self.publication = Publication(
            self.desk,
            reporter,
            reader.lots.all_waiting,
            self._emit,
            section.report_after,
            self._forget_file,
        )
        self.ahead = Ahead(self.desk, reporter)
        self.progress = ProgressWriter(section.path / "work", self.ledger.accounts, around.wall)

    def _publish_apart(self) -> None:
        where = where_of(self.config)
        apart = self._around.publish_many or self._around.run_sync
        self._reporter.hand_over(placing_apart(where, apart), beginning_apart(where, apart))

    def change_reports(self) -> None:
        """Report as the configuration says now."""
        self._reporter.change(where_of(self.config).placer(self._reader))
        self._publish_apart()

    def _build_keeping(self, store: Store) -> None:
        """What removes what is old."""
        config, around, emit, clock = self.config, self._around, self._emit, self.clock
        self.removed_before = sum(store.pruning.removed().messages.values())
        self.newest_base = store.pruning.newest()
        readers = lambda: self.outlets.names  # noqa: E731
        self.pruner = Pruner(self.journal, self.desk, ages_of(config), readers, clock, emit)
        #: What takes texts out of the journal, where they are not kept.
        self.stripper: Stripper | None = None
        if config.retention.drops_contents:
            shelved = self.ledger.accounts.shelf.oldest
            self.stripper = Stripper(self.journal, self.desk, shelved, readers, clock, emit)
        in_use = DaysInUse(self.ledger.accounts, around.wall)
        places = places_of(config)
        self.housekeeping = Housekeeping(places, clock, emit, around.run_sync, in_use)

    def _forget_file(self, file: FileAccount) -> None:
        self.admission.forget_file(file)
        self.spool.figures.reported += 1


def where_of(config: Config) -> Where:
    """Where results are put, and what goes into reports."""
    keeps = not config.retention.drops_contents
    terms = ReportTerms(config.prices, config.reports.html, keeps)
    return Where(config.spool.path, config.journal.path, terms)


def alphabets_of(config: Config) -> dict[str, str]:
    """What data_coding 0 is on each link."""
    return {link.name: link.data_coding_0 for link in config.links}


def turns_of(config: Config) -> dict[str, Turns]:
    """The pools by their names, and in which order links and accounts take from each."""
    routes = config.routing.routes
    turns = {link.name: Turns([link.name]) for link in config.links}
    turns |= {each.pool: Turns(each.links, each.weights, each.failover_after) for each in routes}
    return turns | {account_pool(each): Turns([each.name]) for each in config.accounts}
