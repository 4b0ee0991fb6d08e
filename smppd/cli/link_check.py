"""What `check` and `doctor` say of links beside one another: whose receipts come over which."""

from __future__ import annotations

from collections.abc import Iterator

from smppd.cli.findings import Finding
from smppd.config import Config, LinkConfig


def receipts(config: Config) -> Iterator[Finding]:
    """A warning for links that may share an account and do not say so, and for those whose receipts
    come over none."""
    by_system_id: dict[str, list[LinkConfig]] = {}
    for link in config.links:
        by_system_id.setdefault(link.system_id, []).append(link)
    for links in by_system_id.values():
        if len(links) > 1 and not all(link.smsc_account for link in links):
            yield _unsaid(links)
    for link in config.links:
        if _sends_only(link) and not any(_hears_for(other, link) for other in config.links):
            yield _unheard(link)


def _unsaid(links: list[LinkConfig]) -> Finding:
    names = [link.name for link in links]
    addresses = [address for link in links for address in link.hosts]
    where = "at one address" if len(set(addresses)) < len(addresses) else "at different addresses"
    says = (
        f'have one system_id, "{links[0].system_id}", {where}, and do not say whether they share an account:'
        " in one account receipts come over any of them, and are found only if all have the same smsc_account;"
        " else give each another"
    )
    what = f"links {', '.join(names[:-1])} and {names[-1]}, receipts"
    return Finding(what, True, says, doubtful=True)


def _sends_only(link: LinkConfig) -> bool:
    """Whether it needs receipts of others: it has none, and nobody is asked instead."""
    return link.bind == "transmitter" and not (link.query_sm or link.status_via)


def _hears_for(other: LinkConfig, link: LinkConfig) -> bool:
    """Whether a link receives for a transmitter, or might: of those that do not say, all is said already."""
    if other.bind == "transmitter":
        return False
    if other.smsc_account and link.smsc_account:
        return other.smsc_account == link.smsc_account
    return other.system_id == link.system_id


def _unheard(link: LinkConfig) -> Finding:
    says = (
        "a transmitter gets none, and no link of its account receives: messages that ask for a receipt stay"
        ' sent. Write bind = "transmitter+receiver", or the same smsc_account here and in a link that receives'
    )
    return Finding(f"link {link.name}, receipts", True, says, doubtful=True)
