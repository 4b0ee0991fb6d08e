"""Accounts of the HTTP APIs, chat, and what links say of them: values, and what is wrong."""

from __future__ import annotations

import ssl
from pathlib import Path

import pytest
import trustme

from smppd.config import (
    ChatChannel,
    ChatConfig,
    Config,
    ContactsConfig,
    HttpConfig,
    Mistake,
    account_tls,
    parse,
    read_secret,
)

LINK = """
[link.main]
host = "smpp.example.net"
system_id = "acme"
password_file = "password"
"""
HTTP = """
[http.afilnet]
user = "me@example.net"
password_file = "secret"
"""
CONTACTS = """
[contacts.book]
url = "https://book.example.net"
token_file = "token"
"""
CHAT = """
[chat]
[[chat.channel]]
platform = "whatsapp"
platformid = 100
"""
FILE = Path("/etc/smppd/smppd.toml")


def configured(text: str) -> Config:
    found = parse(text.encode(), FILE, {})
    assert isinstance(found, Config), [str(mistake) for mistake in found]
    return found


def mistakes(text: str) -> dict[str, str]:
    found = parse(text.encode(), FILE, {})
    assert isinstance(found, list), found
    by_key = {mistake.key: mistake.problem for mistake in found}
    assert len(by_key) == len(found), "one mistake, told twice"
    return by_key


# ── values ───────────────────────────────────────────────────────────────────────────────────


def test_the_smallest_accounts_have_the_defaults() -> None:
    found = configured(LINK + HTTP + CONTACTS)
    secret, token = Path("/etc/smppd/secret"), Path("/etc/smppd/token")
    assert found.http == (HttpConfig(name="afilnet", user="me@example.net", password_file=secret),)
    assert found.http[0].url == "https://www.afilnet.com/api/http/"
    url = "https://book.example.net"
    assert found.contacts == (ContactsConfig(name="book", url=url, token_file=token),)
    assert found.chat is None
    assert (found.http[0].status_after, found.links[0].fallback_after) == (0.0, 0.0)
    assert found.journal.api_history == 30 * 86_400.0


@pytest.mark.parametrize("text", [HTTP, CONTACTS, HTTP + CHAT])
def test_accounts_alone_need_no_link(text: str) -> None:
    assert configured(text).links == ()


@pytest.mark.parametrize(
    ("written", "field", "value"),
    [
        ('url = "http://127.0.0.1:8080/api/"', "url", "http://127.0.0.1:8080/api/"),
        ('url = "http://[::1]/"', "url", "http://[::1]/"),
        ('url = "http://localhost/"', "url", "http://localhost/"),
        ('url = "http://a.example/"\ninsecure_http = true', "insecure_http", True),
        ('auth = "basic"', "auth", "basic"),
        ('tls_ca_file = "ca.pem"', "tls_ca_file", Path("/etc/smppd/ca.pem")),
        ('timeout = "2m"', "timeout", 120.0),
        ("rate = 5", "rate", 5.0),
        ('from = "ACME"', "from_", "ACME"),
        ('default_country = "+34"', "default_country", "34"),
        ('time_zone = "Europe/Madrid"', "time_zone", "Europe/Madrid"),
        ('status_after = "1m"', "status_after", 60.0),
        (
            'delivery_status = { Delivered = "delivered", "NOT delivered" = "undelivered" }',
            "delivery_status",
            {"delivered": "delivered", "not delivered": "undelivered"},
        ),
    ],
)
def test_a_key_of_an_account_gives_a_typed_value(written: str, field: str, value: object) -> None:
    assert getattr(configured(HTTP + written).http[0], field) == value


def test_channels_of_chat() -> None:
    found = configured(HTTP + CHAT.replace("[chat]", '[chat]\npoll_interval = "5s"')).chat
    assert found == ChatConfig(poll_interval=5.0, channels=(ChatChannel("whatsapp", "100"),))


def test_a_link_falls_back_to_the_first_account_or_the_one_that_it_names() -> None:
    second = HTTP.replace("afilnet", "other")
    keys = 'from = "ACME"\nfallback_after = "30s"\nfallback_priorities = ["high"]\n'
    main = configured(LINK + keys + HTTP + second).links[0]
    assert (main.fallback_after, main.fallback_via) == (30.0, "afilnet")
    assert main.fallback_priorities == ("high",)
    named = keys + 'fallback_via = "other"\nstatus_via = "afilnet"\n'
    main = configured(LINK + named + HTTP + "status_after = 60\n" + second).links[0]
    assert (main.fallback_via, main.status_via) == ("other", "afilnet")


def test_an_account_may_lend_the_sender_to_fall_back_with() -> None:
    assert configured(LINK + "fallback_after = 30\n" + HTTP + 'from = "ACME"').links


@pytest.mark.parametrize(
    ("text", "key", "value"),
    [(HTTP, "password_file", "secret"), (CONTACTS, "token_file", "token")],
)
def test_a_bare_name_is_a_credential_of_systemd(
    tmp_path: Path, text: str, key: str, value: str
) -> None:
    (tmp_path / value).touch()
    found = parse(text.encode(), FILE, {"CREDENTIALS_DIRECTORY": str(tmp_path)})
    assert isinstance(found, Config)
    (account,) = found.http or found.contacts
    assert getattr(account, key) == tmp_path / value


# ── mistakes ─────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("written", "key", "cure"),
    [
        ('url = "http://api.example.net/"', "url", "or insecure_http = true"),
        ('url = "https://me:pw@example.net/"', "url", "has a user or password in it"),
        ('url = "https://example.net/?user=me"', "url", "leave only what stands before it"),
        ('url = "https://example.net/#x"', "url", "leave only what stands before it"),
        ('url = "example.net/api"', "url", "does not begin with https://"),
        ('url = "https://"', "url", "does not begin with https://"),
        ('url = "https://a:99999/"', "url", "its host or port cannot be read"),
        ('url = "https://a b/"', "url", "a character that no URL can have"),
        ('url = ""', "url", "does not begin with https://"),
        ("url = 5", "url", "in quotes"),
        (
            'url = "http://localhost/"\ntls_ca_file = "ca.pem"',
            "tls_ca_file",
            "does nothing for a URL with http://",
        ),
        ('auth = "digest"', "auth", 'write "form" or "basic"'),
        ('password_env = "X"', "password_env", "keep one of the two"),
        ('password = "hunter2"', "password", "does not belong in this file"),
        ('token_file = "x"', "token_file", "it belongs in [contacts.NAME]"),
        ('time_zone = "Europe/Madird"', "time_zone", 'did you mean "Europe/Madrid"?'),
        ('time_zone = "/etc/passwd"', "time_zone", 'write one like "Europe/Madrid"'),
        ("time_zone = 1", "time_zone", 'write one like "Europe/Madrid"'),
        ("retry_min = 5\nretry_max = 4", "retry_min", "shorten it, or lengthen retry_max"),
        ('retry_max = "1s"', "retry_max", "lengthen it, or shorten retry_min"),
        ("connections = 0", "connections", "write a number from 1 to 100"),
        ('from = "TWELVELETTER"', "from", "a name of up to 11"),
        ("delivery_status = 5", "delivery_status", "write [http.afilnet.delivery_status]"),
        (
            'delivery_status = { OK = "delivrd" }',
            "delivery_status.OK",
            'did you mean "delivered"?',
        ),
        (
            'delivery_status = { OK = "delivered", ok = "pending" }',
            "delivery_status.ok",
            "case does not count",
        ),
        (
            'delivery_status = { "not  sent" = "undelivered", "Not sent" = "pending" }',
            'delivery_status."Not sent"',
            "case does not count",
        ),
        ('delivery_status = { "" = "pending" }', 'delivery_status.""', "is no word"),
        ("windw = 5", "windw", "is not a key here"),
    ],
)
def test_a_mistake_in_an_account_names_key_and_cure(written: str, key: str, cure: str) -> None:
    found = mistakes(HTTP + written)
    assert list(found) == [f"http.afilnet.{key}"]
    assert cure in found[f"http.afilnet.{key}"]


@pytest.mark.parametrize(
    ("old", "new", "key", "cure"),
    [
        ('user = "me@example.net"', "", "user", 'write user = "..."'),
        ('user = "me@example.net"', 'user = ""', "user", "fill it in"),
        ('user = "me@example.net"', 'user = " me"', "user", "a space at an end"),
        ('user = "me@example.net"', 'user = "a:b"\nauth = "basic"', "user", "HTTP Basic"),
        ('password_file = "secret"', "", "password_file", "or password_env"),
        ("afilnet", "http", "", "and not http"),
        ("afilnet", "'a b'", "", "use up to 32 letters"),
    ],
)
def test_a_mistake_about_an_account_names_key_and_cure(
    old: str, new: str, key: str, cure: str
) -> None:
    ((found, problem),) = mistakes(HTTP.replace(old, new)).items()
    assert found.startswith("http.")
    assert found.endswith(key)
    assert cure in problem


@pytest.mark.parametrize(
    ("old", "new", "key", "cure"),
    [
        ('url = "https://book.example.net"', "", "url", 'write url = "https://..."'),
        ("https://", "http://", "url", "insecure_http = true"),
        ('token_file = "token"', "", "token_file", "or token_env"),
        ('token_file = "token"', 'token = "abc"', "token", "does not belong in this file"),
        (
            'token_file = "token"',
            'token_file = "a"\ntoken_env = "B"',
            "token_env",
            "keep one of the two",
        ),
    ],
)
def test_a_mistake_in_contacts_names_key_and_cure(old: str, new: str, key: str, cure: str) -> None:
    found = mistakes(CONTACTS.replace(old, new))
    assert list(found) == [f"contacts.book.{key}"]
    assert cure in found[f"contacts.book.{key}"]


@pytest.mark.parametrize(
    ("text", "key", "cure"),
    [
        ("http = 5", "http", "write [http.NAME]"),
        ("[http]\nuser = 'me'", "http", "write [http.NAME]"),
        (LINK + HTTP.replace("afilnet", "main"), "http.main", "is the name of [link.main], too"),
        (
            HTTP + CONTACTS.replace("book", "afilnet"),
            "contacts.afilnet",
            "is the name of [http.afilnet], too",
        ),
        (CONTACTS + CHAT, "chat", "needs an account"),
        (HTTP + "[chat]", "chat.channel", "is missing"),
        (HTTP + CHAT.replace("[chat]", "[chat]\naccount = 'b'"), "chat.account", "names of [http"),
        (HTTP + CHAT + "name = 'x'", "chat.channel.1.name", "there are: platform, platformid"),
        (HTTP + CHAT.replace("whatsapp", "whatsup"), "chat.channel.1.platform", '"whatsapp"?'),
        (HTTP + CHAT.replace("100", "'a b'"), "chat.channel.1.platformid", 'like "100"'),
        (HTTP + CHAT.replace("platformid = 100", ""), "chat.channel.1.platformid", "is missing"),
        (HTTP + CHAT + CHAT.replace("[chat]", ""), "chat.channel.2", "same as chat.channel.1"),
        (HTTP + "[chat]\nchannel = 5", "chat.channel", "is not a list of channels"),
        (HTTP + CHAT.replace("[chat]", "[chat]\npoll_interval = 0"), "chat.poll_interval", "1s"),
        (HTTP + "[journal]\napi_history = 'ever'", "journal.api_history", "length of time"),
    ],
)
def test_a_mistake_about_accounts_names_key_and_cure(text: str, key: str, cure: str) -> None:
    found = mistakes(text)
    assert list(found) == [key]
    assert cure in found[key]


@pytest.mark.parametrize(
    ("written", "rest", "key", "cure"),
    [
        ("fallback_after = 30", "", "fallback_after", "add [http.NAME]"),
        ("fallback_after = 30", CONTACTS, "fallback_after", "add [http.NAME]"),
        ("fallback_after = 30", HTTP, "from", "needs a sender for messages that name none"),
        (
            'fallback_after = 30\nfallback_via = "afilnt"',
            HTTP,
            "fallback_via",
            'did you mean "afilnet"?',
        ),
        (
            'fallback_after = 30\nfallback_via = "book"',
            HTTP + CONTACTS,
            "fallback_via",
            "write names of [http.NAME]",
        ),
        ('fallback_via = "afilnet"', HTTP, "fallback_via", "nothing without fallback_after"),
        ('fallback_priorities = ["bulk"]', HTTP, "fallback_priorities", "without fallback_after"),
        (
            'from = "A"\nfallback_after = 30\nfallback_priorities = ["hihg"]',
            HTTP,
            "fallback_priorities",
            'did you mean "high"?',
        ),
        (
            'from = "A"\nfallback_after = 30\nfallback_priorities = ["high", "high"]',
            HTTP,
            "fallback_priorities",
            "twice",
        ),
        (
            'from = "A"\nfallback_after = 30\nfallback_priorities = "high"',
            HTTP,
            "fallback_priorities",
            "is not a list",
        ),
        (
            'from = "A"\nfallback_after = 30\nfallback_priorities = []',
            HTTP,
            "fallback_priorities",
            'is empty; write some of ["high", "normal", "bulk"]',
        ),
        ('fallback_after = 30\nbind = "receiver"', HTTP, "fallback_after", "only receives"),
        ('status_via = "main"', HTTP, "status_via", "write names of [http.NAME]"),
        ('status_via = "x"', "", "status_via", "there is none yet"),
        ('status_via = "afilnet"', HTTP, "status_via", "set status_after in [http.afilnet]"),
        (
            'status_via = "afilnet"\nquery_sm = true',
            HTTP + "status_after = 60\n",
            "status_via",
            "take one of them out",
        ),
    ],
)
def test_a_mistake_in_what_a_link_says_of_accounts(
    written: str, rest: str, key: str, cure: str
) -> None:
    found = mistakes(LINK + written + "\n" + rest)
    assert list(found) == [f"link.main.{key}"]
    assert cure in found[f"link.main.{key}"]


def test_mistakes_of_all_accounts_are_reported_together() -> None:
    text = HTTP + "rate = -1\n" + CONTACTS + "timeout = 0\n" + LINK + 'status_via = "x"\n[chat]'
    assert set(mistakes(text)) == {
        *("http.afilnet.rate", "contacts.book.timeout", "link.main.status_via", "chat.channel"),
    }


@pytest.mark.parametrize("key", ["password", "token", "url", "passwrd", "user_password"])
@pytest.mark.parametrize("text", [HTTP, CONTACTS])
def test_no_mistake_repeats_a_secret(text: str, key: str) -> None:
    written = text.replace('url = "https://book.example.net"\n', "")
    found = parse(f'{written}{key} = "https://u:hunter2@x/"'.encode(), FILE, {})
    assert isinstance(found, list)
    assert "hunter2" not in str(found)


# ── secrets ──────────────────────────────────────────────────────────────────────────────────


def account(tmp_path: Path, content: bytes) -> HttpConfig:
    (tmp_path / "secret").write_bytes(content)
    return HttpConfig(name="a", password_file=tmp_path / "secret")


@pytest.mark.parametrize(
    ("content", "password"),
    [
        (b"short\n", "short"),
        ("contraseña y más\r\n".encode(), "contraseña y más"),
        (b"p" * 1024, "p" * 1024),
    ],
)
def test_a_password_may_be_long_and_in_any_script(
    tmp_path: Path, content: bytes, password: str
) -> None:
    assert read_secret(account(tmp_path, content), {}) == password


@pytest.mark.parametrize(
    ("content", "cure"),
    [
        (b"", "the password is empty; fill it in"),
        (b"s3\ncr\n", "more than one line"),
        (b"s3\0cr", "cannot be printed"),
        (b"s3\xff", "not UTF-8"),
        (b"s3" * 513, "has 1026 characters, more than the 1024"),
        (b"s3cr" * 2000, "far too large"),
    ],
)
def test_a_password_that_cannot_be_sent(tmp_path: Path, content: bytes, cure: str) -> None:
    found = read_secret(account(tmp_path, content), {})
    assert isinstance(found, Mistake)
    assert found.key == "http.a.password_file"
    assert cure in found.problem
    assert "s3" not in found.problem


@pytest.mark.parametrize("token", ["", "ab cd", "añb", "a\nb"])
def test_a_token_that_no_header_can_carry(token: str) -> None:
    found = read_secret(ContactsConfig(name="b", token_env="T"), {"T": token})
    assert isinstance(found, Mistake)
    assert found.key == "contacts.b.token_env"


def test_a_token_from_the_environment() -> None:
    contacts = ContactsConfig(name="b", token_env="T")
    assert read_secret(contacts, {"T": "abc.def"}) == "abc.def"
    missing = read_secret(contacts, {})
    assert isinstance(missing, Mistake)
    assert "set it before smppd starts" in missing.problem


def test_an_account_built_in_code_may_have_no_secret() -> None:
    assert read_secret(HttpConfig(name="a"), {}) == ""


# ── files that TLS needs ─────────────────────────────────────────────────────────────────────


def test_the_cas_of_an_account_are_read(tmp_path: Path) -> None:
    authority = trustme.CA()
    authority.cert_pem.write_to_path(tmp_path / "ca.pem")
    context = account_tls(HttpConfig(name="a", tls_ca_file=tmp_path / "ca.pem"))
    assert isinstance(context, ssl.SSLContext)
    assert len(context.get_ca_certs()) == 1
    assert context.verify_mode is ssl.CERT_REQUIRED
    assert context.check_hostname


def test_an_account_trusts_what_this_machine_trusts() -> None:
    context = account_tls(ContactsConfig(name="b"))
    assert isinstance(context, ssl.SSLContext)
    assert context.verify_mode is ssl.CERT_REQUIRED


@pytest.mark.parametrize(
    ("content", "cure"), [(None, "put certificates of CAs there"), (b"x", "does not hold")]
)
def test_cas_that_cannot_be_read(tmp_path: Path, content: bytes | None, cure: str) -> None:
    file = tmp_path / "ca.pem"
    if content is not None:
        file.write_bytes(content)
    found = account_tls(ContactsConfig(name="b", tls_ca_file=file))
    assert isinstance(found, Mistake)
    assert found.key == "contacts.b.tls_ca_file"
    assert cure in found.problem
