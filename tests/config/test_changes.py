"""What differs between two configurations, and what of it wants a restart."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from smppd.config import Config, bound_anew_for, changes_between, parse, refusals

BASE = """
[spool]
path = "/s"
[journal]
path = "/j.db"
[link.main]
host = "a.example.net"
system_id = "acme"
password_file = "/p"
[link.spare]
host = "b.example.net"
system_id = "acme"
password_file = "/p"
[[routing.route]]
name = "spain"
to = ["34"]
links = ["main", "spare"]
[observe]
listen = ""
control = "/c.sock"
"""


def config(text: str) -> Config:
    found = parse(text.encode(), Path("/etc/smppd.toml"))
    assert isinstance(found, Config), found
    return found


def told(text: str) -> list[str]:
    return [str(each) for each in changes_between(config(BASE), config(text))]


def test_nothing_has_changed() -> None:
    assert told(BASE + "# a remark\n") == []


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ("[link.spare]", "window = 20\n[link.spare]", ["link.main.window 10 -> 20"]),
        ("[link.spare]", "tls = true\n[link.spare]", ["link.main.tls false -> true"]),
        ("[link.spare]", 'from = "X"\n[link.spare]', ['link.main.from "" -> "X"']),
        ('to = ["34"]', 'to = ["33"]', ["routing.route.spain.to changed"]),
        (
            'name = "spain"',
            'name = "es"',
            ["routing.route.spain removed", "routing.route.es added"],
        ),
        ('path = "/s"', 'path = "/t"', ['spool.path "/s" -> "/t"']),
        (
            "[observe]",
            '[[quiet]]\nfrom = "22:00"\nuntil = "08:00"\nzone = "Europe/Madrid"\n[observe]',
            ["quiet changed"],
        ),
    ],
)
def test_each_change_is_told_by_its_key(old: str, new: str, says: list[str]) -> None:
    assert told(BASE.replace(old, new, 1)) == says


def test_a_link_that_comes_or_goes_is_one_change() -> None:
    another = BASE.replace("[link.spare]", "[link.third]").replace('"spare"', '"third"')
    assert sorted(told(another)) == [
        "link.spare removed",
        "link.third added",
        "routing.route.spain.links changed",
    ]


def test_the_order_of_links_is_a_change_because_the_first_is_the_default() -> None:
    head, main, spare, rest = BASE.replace("[[routing", "[link.[[routing").split("[link.")
    turned = f"{head}[link.{spare}[link.{main}{rest}"
    assert told(turned) == ["link (order) changed"]


@pytest.mark.parametrize(
    ("old", "new", "key"),
    [
        ('path = "/s"', 'path = "/t"', "spool.path"),
        ('path = "/j.db"', 'path = "/k.db"', "journal.path"),
        ('listen = ""', 'listen = "127.0.0.1:1"', "observe.listen"),
        ("[observe]", '[retention]\ncontents = "drop-when-final"\n[observe]', "retention.contents"),
        ("[journal]", "settle = 5\n[journal]", "spool.settle"),
        ('"/c.sock"', '"/d.sock"', "observe.control"),
    ],
)
def test_what_cannot_change_while_running_is_one_line_with_key_and_cure(
    old: str, new: str, key: str
) -> None:
    changed = config(BASE.replace(old, new, 1))
    (mistake,) = refusals(changes_between(config(BASE), changed), changed)
    line = str(mistake)
    assert line.startswith(f"/etc/smppd.toml: {key}: ")
    assert "\n" not in line
    assert "systemctl restart smppd" in line


HTTP = """
[http.web]
url = "https://h.example.net/"
user = "u"
password_file = "/p"
status_after = "1m"
"""


@pytest.mark.parametrize(
    ("more", "says"),
    [
        ('[link.main]\nstatus_via = "web"', 'link.main.status_via "" -> "web"'),
        ("[http.web]\nrate = 5", "http.web.rate 0 -> 5"),
        ('[http.web]\nuser = "v"', 'http.web.user "u" -> "v"'),
        ('[http.web.delivery_status]\nOK = "delivered"', "http.web.delivery_status changed"),
        (
            '[http.x]\nurl = "https://x.example.net/"\nuser = "u"\npassword_file = "/p"',
            "http.x added",
        ),
        (
            '[contacts.c]\nurl = "https://x.example.net/"\ntoken_file = "/p"',
            "contacts.c added",
        ),
        ("[events]\nstream = true", "events.stream false -> true"),
        ("[retention]\ndone_size = 1_000_000_000", "retention.done_size changed"),
        ("[retention]\njournal = 5", "retention.journal 2.592e+06 -> 5"),
        ("[spool]\ndedupe_window = 5", "spool.dedupe_window 604800 -> 5"),
        (
            '[webhook.x]\nurl = "https://x.example.net/"\nsecret_file = "/p"',
            "webhook.x added",
        ),
        ('[hook.x]\ncommand = ["/bin/true"]', "hook.x added"),
    ],
)
def test_accounts_outlets_and_retention_change_while_smppd_runs(more: str, says: str) -> None:
    section, _, keys = more.partition("\n")
    text = BASE + HTTP
    key = keys.partition(" =")[0]
    other = re.sub(rf"(\[http\.web\][^\[]*?){key} = .*\n", r"\1", text)
    other = (
        other.replace(section, f"{section}\n{keys}")
        if section in text
        else f"{text}{section}\n{keys}"
    )
    one, another = config(text), config(other)
    (change,) = changes_between(one, another)
    assert str(change) == says
    assert refusals([change], another) == []
    assert refusals(changes_between(another, one), one) == []


def test_which_account_is_the_first_is_a_change_and_chats_stay_with_theirs_until_a_restart() -> (
    None
):
    other = HTTP.replace("[http.web]", "[http.other]")
    one, another = config(BASE + HTTP + other), config(BASE + other + HTTP)
    changes = changes_between(one, another)
    assert list(map(str, changes)) == ["http (order) changed"]
    assert refusals(changes, another) == []
    chat = '[chat]\n[[chat.channel]]\nplatform = "whatsapp"\nplatformid = "34600000001"\n'
    one, another = config(BASE + HTTP + other + chat), config(BASE + other + HTTP + chat)
    (mistake,) = refusals(changes_between(one, another), another)
    assert mistake.key == "chat.account"


@pytest.mark.parametrize(
    ("key", "anew"),
    [
        ("window = 20", []),
        ("rate = 5", []),
        ('from = "X"', []),
        ("max_attempts = 9", []),
        ('service_type = "A"', []),
        ("sessions = 2", ["sessions"]),
        ("tls = true", ["tls"]),
        ('bind = "transmitter"', ["bind"]),
        ('system_type = "A"', ["system_type"]),
    ],
)
def test_a_link_is_bound_anew_only_for_what_a_bind_says(key: str, anew: list[str]) -> None:
    (old, *_), (new, *_) = (
        config(text).links for text in (BASE, BASE.replace("[link.spare]", f"{key}\n[link.spare]"))
    )
    assert old != new
    assert bound_anew_for(old, new) == anew
