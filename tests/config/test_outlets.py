"""`[events]`, `[webhook.NAME]` and `[hook.NAME]`: what they give, and what is said of mistakes."""

from __future__ import annotations

from pathlib import Path

import pytest

from smppd.config import Config, parse, read_secret
from smppd.config.outlets import EVENTS

LINK = """
[link.main]
host = "smpp.example.net"
system_id = "acme"
password_file = "password"
"""
SHOP = '[webhook.shop]\nurl = "https://shop.example.net/x"\nsecret_file = "s"\n'
CRM = '[hook.crm]\ncommand = ["/bin/crm", "--now"]\n'
FILE = Path("/etc/smppd/smppd.toml")


def config(text: str) -> Config:
    found = parse((LINK + text).encode(), FILE, {})
    assert isinstance(found, Config), [str(each) for each in found]
    return found


def mistakes(text: str) -> dict[str, str]:
    found = parse((LINK + text).encode(), FILE, {})
    assert isinstance(found, list), found
    return {mistake.key: mistake.problem for mistake in found}


def test_outlets_are_read_with_their_defaults() -> None:
    found = config(SHOP + 'batch = 7\nevents = ["failed"]\n' + CRM + "[events]\nstream = true\n")
    (shop,), (crm,) = found.webhooks, found.hooks
    assert (shop.url, shop.batch, shop.events) == ("https://shop.example.net/x", 7, ("failed",))
    assert shop.secret_file == Path("/etc/smppd/s")
    assert (crm.command, crm.concurrency) == (("/bin/crm", "--now"), 4)
    assert found.events.stream
    assert config(SHOP).webhooks[0].events == EVENTS


def test_a_wrong_url_is_answered_with_one_of_a_webhook() -> None:
    found = mistakes('[webhook.a]\nurl = "shop"\nsecret_file = "s"\n')
    assert found == {
        "webhook.a.url": "does not begin with https:// and a host; write one like"
        ' "https://shop.example.net/sms-events"'
    }


def test_nothing_is_configured_unless_it_is() -> None:
    found = config("")
    assert (found.webhooks, found.hooks, found.events.stream) == ((), (), False)


def test_every_mistake_is_told_at_once() -> None:
    found = mistakes(
        "[events]\nstrem = true\n[webhook.a]\nbatch = 0\n[hook.b]\n[hook.c]\n"
        'command = ["crm"]\nretry_min = "2m"\n'
    )
    assert set(found) == {
        "events.strem",
        "webhook.a.batch",
        "webhook.a.url",
        "webhook.a.secret_file",
        "hook.b.command",
        "hook.c.command",
        "hook.c.retry_min",
    }
    assert "is missing" in found["webhook.a.url"]
    assert "whole path" in found["hook.c.command"]


@pytest.mark.parametrize(
    ("text", "key", "cure"),
    [
        (CRM.replace('["/bin/crm", "--now"]', '"/bin/crm | tee"'), "hook.crm.command", "no shell"),
        (CRM.replace('"--now"', "3"), "hook.crm.command", "in quotes"),
        (CRM + 'events = ["opened"]\n', "hook.crm.events", '"failed"'),
        (SHOP + 'secret = "x"\n', "webhook.shop.secret", "does not belong in this file"),
        (SHOP + 'secret_env = "X"\n', "webhook.shop.secret_env", "keep one of the two"),
        (SHOP.replace("https", "http"), "webhook.shop.url", "insecure_http"),
        (SHOP.replace("/x", "/x?key=1"), "webhook.shop.url", "query"),
        (SHOP + CRM.replace("crm]", "shop]"), "hook.shop", "rename one"),
        ('[webhook]\nurl = "x"\n', "webhook", "[webhook.NAME]"),
        ('[hook."a b"]\ncommand = ["/x"]\n', 'hook."a b"', "is no name for a hook"),
        ("[spool]\nstream = true\n", "spool.stream", "belongs in [events]"),
    ],
)
def test_a_mistake_has_its_place_and_its_cure(text: str, key: str, cure: str) -> None:
    found = mistakes(text)
    assert list(found) == [key]
    assert cure in found[key]


def test_plain_http_is_fine_on_this_machine() -> None:
    assert config(SHOP.replace("https://shop.example.net", "http://127.0.0.1:8080")).webhooks


def test_the_secret_is_read_from_its_file(tmp_path: Path) -> None:
    (tmp_path / "s").write_text("hush\n")
    found = config(SHOP.replace('"s"', f'"{tmp_path}/s"'))
    assert read_secret(found.webhooks[0]) == "hush"
    (tmp_path / "s").write_text("")
    assert "the secret is empty" in str(read_secret(found.webhooks[0]))
