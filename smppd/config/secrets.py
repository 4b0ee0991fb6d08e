"""Every password and token that a configuration names, read; and whether the files are good that TLS
needs. Raises nothing: what is wrong comes back as mistakes.
"""

from __future__ import annotations

from dataclasses import replace

from smppd.config.credentials import read_password, read_secret
from smppd.config.mistakes import Mistake, dotted
from smppd.config.sections import Config
from smppd.config.tls import account_tls, tls_context


def read_secrets(config: Config) -> dict[str, str] | list[Mistake]:
    """The password of each link, and the password or token of each account, by its name, and the
    secret of each webhook by "webhook:" and its name; or every mistake."""
    found = {link.name: read_password(link) for link in config.links}
    found |= {account.name: read_secret(account) for account in config.accounts}
    found |= {f"webhook:{each.name}": read_secret(each) for each in config.webhooks}
    secured = [tls_context(link) for link in config.links if link.tls]
    reached = (*config.accounts, *config.webhooks)
    secured += [account_tls(each) for each in reached if each.tls_ca_file]
    mistakes = [each for each in (*found.values(), *secured) if isinstance(each, Mistake)]
    if mistakes:
        return [replace(each, file=config.file) for each in mistakes]
    return {name: each for name, each in found.items() if isinstance(each, str)}


def secret_keys(config: Config) -> dict[str, str]:
    """What each of these is called in the file, by the same names."""
    found = {link.name: dotted("link", link.name, "password") for link in config.links}
    found |= {each.name: dotted(each.kind, each.name, each.credential) for each in config.accounts}
    return found | {
        f"webhook:{each.name}": dotted("webhook", each.name, each.credential)
        for each in config.webhooks
    }
