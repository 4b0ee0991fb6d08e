"""One test message over a session of its own, where no daemon runs: bind, submit, answer, receipt, unbind.

Only the receipt of this message is taken: whatever else the SMSC delivers is refused for now, so that
it comes again to the daemon. Raises nothing; findings.
"""

from __future__ import annotations

import time
from contextlib import AsyncExitStack

import trio

from smppd.cli.diagnosis.trial import NO_RECEIPT, Trial
from smppd.cli.findings import Finding
from smppd.cli.probe import Conversation, why_not
from smppd.config import Config, LinkConfig, read_password
from smppd.ledger.message_ids import EXACT, FOLDED, Form, fold, in_other_radix
from smppd.link.dial import Dialler, Unreachable
from smppd.link.translate import bind_request, submit_sm, wording_of
from smppd.message import ErrorInfo, Lane, Message, Part, Request
from smppd.pipeline.making import Maker
from smppd.routing import Ways
from smppd.smpp.receipt import DeliveryReceipt, ReceiptReader
from smppd.smpp.session import (
    Answered,
    Bound,
    Closed,
    Limits,
    ReceiptReceived,
    Role,
    Session,
    Unanswered,
)
from smppd.smpp.vocabulary import CommandStatus, status_name
from smppd.statuses import meaning

_PARTING = 5.0


async def over_own_session(config: Config, trial: Trial) -> list[Finding]:
    """Bind, submit it, wait for answer and receipt, unbind."""
    what = "test message"
    made = _make(config, trial)
    if isinstance(made, str):
        return [Finding(what, False, made)]
    link, message = made
    password = await trio.to_thread.run_sync(read_password, link)
    if not isinstance(password, str):
        return [Finding(what, False, str(password))]
    try:
        with trio.fail_after(2 * trial.patience):
            async with AsyncExitStack() as stack:
                talks = {}
                for bind in link.binds:
                    talk = await _bind(stack, link, password, bind)
                    if isinstance(talk, str):
                        return [Finding(what, False, talk)]
                    talks[bind] = talk
                found = await _try(link, message, talks, trial)
                for talk in talks.values():
                    await talk.leave()
                return found
    except trio.TooSlowError:
        says = f"came to no end within {2 * trial.patience:g} s: ask the provider"
        return [Finding(what, False, says)]


def _make(config: Config, trial: Trial) -> tuple[LinkConfig, Message] | str:
    """The message and the link that it would leave over, or why there is none."""
    links = {link.name: link for link in config.links}
    accounts = {each.name: each for each in config.accounts}
    country = config.spool.default_country
    ways = Ways(links, config.routing.routes, country, accounts)
    request = Request(to=trial.number, text=trial.text, via=trial.via)
    way = ways.choose(request, trial.number, Lane.HIGH)
    if isinstance(way, ErrorInfo):
        return f"{way.text} ({way.code})"
    link = way[1]
    if not isinstance(link, LinkConfig):
        return f"would be a call over {link.name}, which a running daemon alone makes: start it"
    _, message = Maker(ways, country, lambda *_: 0).make(
        request, trial.number, Lane.HIGH, time.time()
    )
    if isinstance(message, ErrorInfo):
        return f"{message.text} ({message.code})"
    return link, message


async def _bind(
    stack: AsyncExitStack, link: LinkConfig, password: str, bind: str
) -> Conversation | str:
    """A bound session at the first host that lets us in, or why not at the last."""
    why = "there is no host"
    for host, port in link.hosts:
        stream = await Dialler(link).open(host, port)
        if isinstance(stream, Unreachable):
            why = stream.reason
            continue
        await stack.enter_async_context(stream)
        now = trio.current_time()
        limits = Limits(
            bind_timeout=link.bind_timeout,
            response_timeout=link.response_timeout,
            unbind_timeout=_PARTING,
        )
        reader = ReceiptReader(
            by_text=link.receipts_by_text, accepted_is_final=link.accepted_is_final
        )
        talk = Conversation(stream, Session(Role.ESME, limits, now, reader))
        request = bind_request(link, password, bind)
        talk.session.bind(request, now, long_credentials=link.long_credentials)
        outcome = await talk.bound()
        if isinstance(outcome, Bound):
            return talk
        why = why_not(outcome, talk.first, link)
    return why


async def _try(
    link: LinkConfig, message: Message, talks: dict[str, Conversation], trial: Trial
) -> list[Finding]:
    """Submit it, and see what comes of it."""
    submitting = next((talk for bind, talk in talks.items() if bind != "receiver"), None)
    if submitting is None:
        return [Finding("test message", False, f"link {link.name} only receives: name another")]
    pdu = submit_sm(Part(0, 0, message), wording_of(link), time.time())
    submitting.session.request(pdu, None, trio.current_time())
    early: list[ReceiptReceived] = []
    answer = await _answer(submitting, early)
    if isinstance(answer, Finding):
        return [answer]
    found = [Finding("test message", True, f"was taken over {link.name} as {answer or 'nothing'}")]
    receiving = next((talk for bind, talk in talks.items() if bind != "transmitter"), None)
    if receiving is None:
        says = f"link {link.name} has no receiver: no receipt comes this way"
        return [*found, Finding("test message, receipt", True, says, doubtful=True)]
    with trio.move_on_after(trial.patience):
        return [*found, *await _await_receipt(receiving, early, answer, message, link)]
    says = NO_RECEIPT.format(patience=trial.patience)
    return [*found, Finding("test message, receipt", True, says, doubtful=True)]


async def _answer(talk: Conversation, early: list[ReceiptReceived]) -> str | Finding:
    """The message_id, or what was answered instead; a receipt may overtake the answer."""
    what = "test message"
    while True:
        event = await talk.next()
        if isinstance(event, ReceiptReceived):
            early.append(event)
        elif isinstance(event, Unanswered | Closed):
            says = f"nobody knows whether it was taken: {event.reason}: look at the handset"
            return Finding(what, False, says)
        elif isinstance(event, Answered):
            if not event.status:
                return str(getattr(event.pdu, "message_id", ""))
            cure = meaning(event.status, {}).cure or "ask the provider what this status means"
            return Finding(what, False, f"refused with {status_name(event.status)}: {cure}")


async def _await_receipt(
    talk: Conversation,
    early: list[ReceiptReceived],
    answered: str,
    message: Message,
    link: LinkConfig,
) -> list[Finding]:
    """The first final receipt that is about this message."""
    while True:
        event = early.pop(0) if early else await talk.next()
        if isinstance(event, Closed):
            says = f"none came before the session ended: {event.reason}"
            return [Finding("test message, receipt", False, says)]
        if not isinstance(event, ReceiptReceived):
            continue
        receipt = event.receipt
        ours = receipt.source.lstrip("+") in (message.to, "")
        form = form_of(answered, receipt.message_id) or form_of(answered, receipt.alternative_id)
        if not ours or form is None:
            talk.session.respond(event, status=CommandStatus.ESME_RX_T_APPN)
            if ours:
                return [_nameless(answered, receipt)]
            continue
        talk.session.acknowledge([event])
        if receipt.final:
            return [_told(receipt), _form(link, form)]


def _told(receipt: DeliveryReceipt) -> Finding:
    what, state = "test message, receipt", receipt.state
    name = "nothing that is known" if state is None else state.name.lower()
    if name == "delivered":
        return Finding(what, True, "says that it was delivered")
    error = f", error {receipt.error}" if receipt.error else ""
    says = f"says {name}{error}: look at the number, then ask the provider"
    return Finding(what, True, says, doubtful=True)


def _nameless(answered: str, receipt: DeliveryReceipt) -> Finding:
    says = (
        f"one for this number names {receipt.message_id or 'nothing'}, and the answer was"
        f" {answered or 'nothing'}: if no other message went there, ask the provider how receipts name"
        " messages"
    )
    return Finding("test message, receipt", True, says, doubtful=True)


def form_of(answered: str, named: str) -> Form | None:
    """How an id in a receipt names what was answered so; None when it does not."""
    if not answered or not named:
        return None
    if answered == named:
        return EXACT
    folded = fold(answered)
    if fold(named) == folded:
        return FOLDED
    return next((form for form, other in in_other_radix(fold(named)) if other == folded), None)


def _form(link: LinkConfig, form: Form) -> Finding:
    what, configured = f"link {link.name}, message_id_form", link.message_id_form
    if configured in ("auto", form):
        return Finding(what, True, form)
    says = f'is {form}, and {configured} is configured: set message_id_form = "{form}", or "auto"'
    return Finding(what, False, says)
