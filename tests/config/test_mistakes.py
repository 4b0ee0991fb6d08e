"""What is said of each mistake in a configuration: its key, why, and the cure."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from smppd.address import Sender, classify_sender
from smppd.config import Config, Mistake, load, parse
from smppd.config.rules import Problem, sender

LINK = """
[link.main]
host = "smpp.example.net"
system_id = "acme"
password_file = "password"
"""

FILE = Path("/etc/smppd/smppd.toml")


def mistakes(text: str) -> dict[str, str]:
    found = parse(text.encode(), FILE, {})
    assert isinstance(found, list), found
    by_key = {mistake.key: mistake.problem for mistake in found}
    assert len(by_key) == len(found), "one mistake, told twice"
    return by_key


def test_three_mistakes_are_reported_together() -> None:
    found = mistakes(LINK + 'port = 70000\nwndow = 5\non_unknown = "resnd"')
    assert found == {
        "link.main.port": "70000 is out of range; write a number from 1 to 65535",
        "link.main.wndow": 'is not a key here; did you mean "window"?',
        "link.main.on_unknown": (
            '"resnd" is not known here; write "hold", "resend" or "fail"; did you mean "resend"?'
        ),
    }


def test_mistakes_of_all_sections_are_reported_together() -> None:
    text = (
        '[spool]\nsettle = "soon"\n[journal]\nretention = "30d"\n[observe]\nlog_level = "loud"\n'
        '[http.main]\nurl = "x"\n[link.a]\nport = 0\n[link.b]\nwindow = true\n'
    )
    assert set(mistakes(text)) == {
        *("spool.settle", "journal.retention", "observe.log_level"),
        *("http.main.url", "http.main.user", "http.main.password_file"),
        *("link.a.port", "link.a.host", "link.a.system_id", "link.a.password_file"),
        *("link.b.window", "link.b.host", "link.b.system_id", "link.b.password_file"),
    }


def test_links_of_one_account_have_their_messages_named_in_one_way() -> None:
    shared = 'smsc_account = "acme"\n'
    other = LINK.replace("main", "rx") + 'message_id_form = "exact"\n'
    assert mistakes(LINK + shared + other + shared) == {
        "link.rx.message_id_form": (
            'is "exact", and link main of the same smsc_account has "auto"; write the same in both'
        )
    }
    both = LINK + shared + other
    for text in (both, both + 'smsc_account = "two"\n', LINK + other):
        assert isinstance(parse(text.encode(), FILE, {}), Config)


@pytest.mark.parametrize(
    ("written", "key", "cure"),
    [
        # wrong types
        ('port = "2775"', "port", "write one from 1 to 65535 without quotes"),
        ("port = 2775.0", "port", "write one from 1 to 65535"),
        ("port = true", "port", "write one from 1 to 65535"),
        ("port = 2026-11-21", "port", "write one from 1 to 65535"),
        ("tls = 0", "tls", "true nor false"),
        ("tls_verify = 0", "tls_verify", "true nor false"),
        ("long_credentials = 1", "long_credentials", "true nor false"),
        ("system_type = 5", "system_type", "write it in quotes"),
        ('rate = "fast"', "rate", "write one from 0 to 1000000"),
        ("bind = []", "bind", '"transmitter", "receiver" or "transmitter+receiver"'),
        ("status = 5", "status", "write [link.main.status] on a line of its own"),
        # out of range
        ("port = 0", "port", "write a number from 1 to 65535"),
        ("window = 0", "window", "write a number from 1 to 10000"),
        ("window = 10001", "window", "write a number from 1 to 10000"),
        ("sessions = 101", "sessions", "write a number from 1 to 100"),
        ("max_attempts = 0", "max_attempts", "write a number from 1"),
        ("first_sequence_number = 0", "first_sequence_number", "write a number from 1"),
        ("first_sequence_number = 0x80000000", "first_sequence_number", "to 2147483647"),
        (f"window = 0x{'f' * 9000}", "window", "write a number from 1 to 10000"),
        ("rate = -1", "rate", "write a number from 0"),
        ("rate_floor = 0", "rate_floor", "write a number from 0.1 to 1000000"),
        ("rate = 5\nrate_floor = 6", "rate_floor", "more than rate with 5"),
        ("rate = nan", "rate", "write a number from 0"),
        ("rate = inf", "rate", "write a number from 0"),
        ("bind_timeout = 0", "bind_timeout", 'write from "10ms" to "1d"'),
        ("bind_timeout = nan", "bind_timeout", 'write from "10ms" to "1d"'),
        ("bind_timeout = -inf", "bind_timeout", 'write from "10ms" to "1d"'),
        (f"bind_timeout = 0x{'f' * 9000}", "bind_timeout", 'write from "10ms" to "1d"'),
        ("drain_timeout = -1", "drain_timeout", 'write from "0s" to "1h"'),
        # lengths of time
        ('bind_timeout = "10"', "bind_timeout", '"500ms", "10s"'),
        ('bind_timeout = "10 s"', "bind_timeout", '"500ms", "10s"'),
        ('bind_timeout = "-1s"', "bind_timeout", '"500ms", "10s"'),
        ('bind_timeout = "1w"', "bind_timeout", '"500ms", "10s"'),
        ('bind_timeout = ""', "bind_timeout", '"500ms", "10s"'),
        ("bind_timeout = true", "bind_timeout", '"500ms", "10s"'),
        # one longer than another
        ('reconnect_min = "2m"', "reconnect_min", "shorten it, or lengthen reconnect_max"),
        ('reconnect_max = "500ms"', "reconnect_max", "lengthen it, or shorten reconnect_min"),
        ("retry_min = 5\nretry_max = 4", "retry_min", "shorten it, or lengthen retry_max"),
        ("enquire_link_timeout = 31", "enquire_link_timeout", "lengthen enquire_link_interval"),
        # texts
        ('system_type = "1234567890123"', "system_type", "write at most 12"),
        ('service_type = "123456"', "service_type", "write at most 5"),
        ('system_type = "a\\u0000b"', "system_type", "printable ASCII"),
        ('system_type = "caf\\u00e9"', "system_type", "printable ASCII"),
        ('from = "TWELVELETTER"', "from", "a name of up to 11"),
        ('from = "1234567890123456"', "from", "a number of 7 to 15 digits"),
        ('from = "A@B"', "from", "a name of up to 11"),
        # how the SMSC is reached
        ('local_address = "eth0"', "local_address", "is not an IP address of this machine"),
        ('local_address = "10.0.0.1:2775"', "local_address", "write it alone, without a port"),
        ('local_address = "10.0.0"', "local_address", "is not an IP address of this machine"),
        ("local_address = 5", "local_address", "is not an IP address of this machine"),
        ('tls_ca_file = "ca.pem"', "tls_ca_file", "does nothing without tls = true"),
        ("tls = false\ntls_verify = false", "tls_verify", "does nothing without tls = true"),
        ('tls = true\ntls_cert_file = "c"', "tls_key_file", "is missing beside tls_cert_file"),
        ('tls = true\ntls_key_file = "c"', "tls_cert_file", "is missing beside tls_key_file"),
        ('tls = true\ntls_ca_file = "c"\ntls_verify = false', "tls_ca_file", "keep one of the two"),
        ('tls = true\ntls_server_name = "a:1"', "tls_server_name", "its name or IP address alone"),
        ('message_id_form = "hex"', "message_id_form", 'write "auto", "exact"'),
        # words
        ('split = "udh"', "split", 'did you mean "udh8"?'),
        ('data_coding_0 = "gsm"', "data_coding_0", 'write "gsm7", "gsm7_packed", "latin1" or'),
        ("max_parts = 0", "max_parts", "write a number from 1 to 255"),
        ("max_parts = 256", "max_parts", "write a number from 1 to 255"),
        ('transliterate = "yes"', "transliterate", "true nor false"),
        ('default_country = "ES"', "default_country", '"34"'),
        # TLVs
        ('split = "sar"\ntlvs = false', "split", 'tlvs = false; write "udh8" or "udh16"'),
        ('split = "payload"\ninterface_version = "3.3"', "split", 'version = "3.3"; write "udh8"'),
        ('tlvs = true\ninterface_version = "3.3"', "tlvs", "leave it out, or bind as 3.4"),
        (
            "user_message_reference = true\ntlvs = false",
            "user_message_reference",
            "tlvs = false; leave it out",
        ),
        # kinds of addresses
        ("ton_npi = 5", "ton_npi", "write [link.main.ton_npi] on a line of its own"),
        ('ton_npi = {national = "2/1"}', "ton_npi.national", "international"),
        ('ton_npi = {shortcode = "0/1"}', "ton_npi.shortcode", 'did you mean "short_code"?'),
        ('ton_npi = {short_code = "8/1"}', "ton_npi.short_code", 'both in quotes, like "1/1"'),
        ('ton_npi = {short_code = "0/19"}', "ton_npi.short_code", "no TON and NPI"),
        ("ton_npi = {short_code = 0}", "ton_npi.short_code", "no TON and NPI"),
        ('interface_version = "3.5"', "interface_version", 'write "3.3", "3.4" or "5.0"'),
        ('on_unknown = "HOLD"', "on_unknown", 'did you mean "hold"?'),
        ('bind = "receiver"\nquery_sm = true', "query_sm", "this one only receives"),
        # keys
        ("windows = 5", "windows", 'did you mean "window"?'),
        ("log_level = 'info'", "log_level", "it belongs in [observe]"),
        ("path = 'x'", "path", "it belongs in [spool] or [journal]"),
        ("zzz = 1", "zzz", "there are: host, port, hosts"),
        ("'a b' = 1", '"a b"', "is not a key here"),
        ("from_ = 'ACME'", "from_", 'did you mean "from"?'),
        ("name = 'x'", "name", "is not a key here"),
        # addresses
        ('hosts = ["a"]', "hosts", "keep one of the two"),
        # credentials
        ('password_env = "X"', "password_env", "keep one of the two"),
    ],
)
def test_a_mistake_in_a_link_names_key_and_cure(written: str, key: str, cure: str) -> None:
    found = mistakes(LINK + written)
    assert list(found) == [f"link.main.{key}"]
    assert cure in found[f"link.main.{key}"]


@pytest.mark.parametrize(
    ("old", "new", "key", "cure"),
    [
        ('host = "smpp.example.net"', "", "host", 'write host = "smpp.example.net"'),
        ('"smpp.example.net"', '"smpp.example.net:2775"', "host", "without port"),
        ('"smpp.example.net"', '"smpp://x"', "host", "without port, brackets or //"),
        ('"smpp.example.net"', '""', "host", "write its name or IP address"),
        ('"smpp.example.net"', '"a..b"', "host", "write its name or IP address"),
        ('"smpp.example.net"', f'"{"a" * 64}.net"', "host", "write its name or IP address"),
        ('"smpp.example.net"', '"10.0.0.256"', "host", "write its name or IP address"),
        ('"smpp.example.net"', '"sm\\u0440p.example.net"', "host", "write its name or IP"),
        ('"smpp.example.net"', '"fe80::1%\\u0000"', "host", "write its name or IP address"),
        ('"smpp.example.net"', "7", "host", "write its name or IP address"),
        ('host = "smpp.example.net"', "hosts = []", "hosts", 'write hosts = ["a.example.net'),
        ('host = "smpp.example.net"', 'hosts = "a"', "hosts", 'write hosts = ["a.example.net'),
        ('host = "smpp.example.net"', 'hosts = ["a:x"]', "hosts", "write one from 1 to 65535"),
        ('host = "smpp.example.net"', 'hosts = ["a:"]', "hosts", "write one from 1 to 65535"),
        ('host = "smpp.example.net"', 'hosts = ["a:0"]', "hosts", "write one from 1 to 65535"),
        ('host = "smpp.example.net"', "hosts = [5]", "hosts", 'write "HOST:PORT"'),
        ('host = "smpp.example.net"', 'hosts = ["a b"]', "hosts", 'write "HOST:PORT"'),
        ('host = "smpp.example.net"', 'hosts = ["a", "a:2775"]', "hosts", "keep one of them"),
        ('system_id = "acme"', "", "system_id", 'write system_id = "..."'),
        ('"acme"', '""', "system_id", "fill it in"),
        ('"acme"', '"user@example.com"', "system_id", "set long_credentials = true"),
        ('password_file = "password"', "", "password_file", "or password_env"),
        ('password_file = "password"', 'password = "pw"', "password", "password_env"),
        ('password_file = "password"', 'password_env = "A B"', "password_env", '"SMPP_PASSWORD"'),
        ('password_file = "password"', "password_env = 5", "password_env", '"SMPP_PASSWORD"'),
        ('"password"', '""', "password_file", "write one in quotes"),
        ('"password"', '"~/password"', "password_file", "write the whole path"),
        ('"password"', '"a\\u0000b"', "password_file", "write a path without"),
    ],
)
def test_a_mistake_about_the_account_names_key_and_cure(
    old: str, new: str, key: str, cure: str
) -> None:
    found = mistakes(LINK.replace(old, new))
    assert list(found) == [f"link.main.{key}"]
    assert cure in found[f"link.main.{key}"]


@pytest.mark.parametrize(
    ("written", "key", "cure"),
    [
        ("window = 5", "window", "it belongs in [link.NAME]"),
        ("zzz = 5", "zzz", "there are: spool, journal, link, http, contacts, chat"),
        ("[spol]", "spol", 'did you mean "spool"?'),
        (
            "[policy]\nper_number_per_day = -1",
            "policy.per_number_per_day",
            "write a number from 0 to 1000000",
        ),
        ('[policy]\nover_cap = "drop"', "policy.over_cap", '"hold" or "reject"'),
        ('[policy]\nzone = "Madrid"', "policy.zone", '"Europe/Madrid"'),
        ('[policy]\nzone = ""', "policy.zone", '"Europe/Madrid"'),
        ("[policy]\ncap_priorities = []", "policy.cap_priorities", '"bulk"'),
        ("[policy]\nper_day = 3", "policy.per_day", "there are: per_number_per_day"),
        ("spool = 5", "spool", "write [spool] on a line of its own"),
        ("[[observe]]", "observe", "write [observe] on a line of its own"),
        ("[spool]\npath = 5", "spool.path", "write one in quotes"),
        ('[spool]\nmax_line = "1MB"', "spool.max_line", '"128KiB"'),
        ("[spool]\nmax_line = 1.5", "spool.max_line", '"128KiB"'),
        ("[spool]\nmax_line = true", "spool.max_line", '"128KiB"'),
        (f'[spool]\nmax_line = "{"9" * 5000}B"', "spool.max_line", '"128KiB"'),
        ('[spool]\nmax_line = "1GiB"', "spool.max_line", 'write from "1KiB" to "64MiB"'),
        ("[spool]\npoll_interval = 0", "spool.poll_interval", 'write from "10ms" to "1h"'),
        ('[spool]\ndefault_country = "ES"', "spool.default_country", '"34"'),
        ("[spool]\ndefault_country = 34", "spool.default_country", "in quotes"),
        ('[observe]\nlisten = ":9775"', "observe.listen", 'write "HOST:PORT"'),
        ('[observe]\nlisten = "localhost"', "observe.listen", 'write "HOST:PORT"'),
        ('[observe]\nlisten = "::1:9775"', "observe.listen", "IPv6 host in brackets"),
        ('[observe]\nlisten = "a:99999"', "observe.listen", "write one from 0 to 65535"),
        ("[observe]\nlisten = 9775", "observe.listen", 'write "HOST:PORT"'),
        ('[observe]\nlog_level = "warn"', "observe.log_level", 'did you mean "warning"?'),
        (f'[observe]\ncontrol = "/{"x" * 107}"', "observe.control", "at most 107 octets"),
        (f'[observe]\ncontrol = "{"x" * 100}"', "observe.control", "at most 107 octets"),
    ],
)
def test_a_mistake_outside_links_names_key_and_cure(written: str, key: str, cure: str) -> None:
    found = mistakes(f"{written}\n{LINK}")
    assert list(found) == [key]
    assert cure in found[key]


@pytest.mark.parametrize(
    ("text", "key", "cure"),
    [
        ("", "link", "write [link.NAME], such as [link.main]"),
        ("", "link", "or an account, [http.NAME]"),
        ("[link]\nhost = 'a'\nport = 5", "link", "write [link.NAME]"),
        ("[[link]]\nhost = 'a'", "link", "write [link.NAME]"),
        ("link = 5", "link", "write [link.NAME]"),
        (f"[link]\nwindow = 5\n{LINK}", "link", "write [link.NAME]"),
        (LINK.replace("main", "http"), "link.http", "and not http"),
        (LINK.replace("main", "'a b'"), 'link."a b"', "use up to 32 letters"),
        (LINK.replace("main", "''"), 'link.""', "use up to 32 letters"),
        (LINK + "bind='receiver'" + LINK.replace("main", "b"), "link.main.bind", "before it"),
    ],
)
def test_a_mistake_about_the_set_of_links(text: str, key: str, cure: str) -> None:
    found = mistakes(text)
    assert list(found) == [key]
    assert cure in found[key]


def test_links_that_only_receive_are_no_mistake() -> None:
    receiver = LINK + 'bind = "receiver"\n'
    found = parse((receiver + receiver.replace("main", "b")).encode(), FILE, {})
    assert isinstance(found, Config)


@pytest.mark.parametrize(
    ("written", "key", "cure"),
    [
        ('0x401 = "operatr"', "0x401", 'did you mean "operator"?'),
        ("0x401 = 5", "0x401", 'write "retry", "retry_later"'),
        ('ESME_RTHROTLED = "retry"', "ESME_RTHROTLED", 'did you mean "ESME_RTHROTTLED"?'),
        ('esme_rthrottled = "retry"', "esme_rthrottled", 'did you mean "ESME_RTHROTTLED"?'),
        ('ESME_ROK = "retry"', "ESME_ROK", 'write one like "0x401"'),
        ('0 = "retry"', "0", 'write one like "0x401"'),
        ('0x100000000 = "retry"', "0x100000000", 'write one like "0x401"'),
        ('9999999999 = "retry"', "9999999999", 'write one like "0x401"'),
        ('zzz = "retry"', "zzz", 'write one like "0x401" or "ESME_RTHROTTLED"'),
        ('0x58 = "retry"\nESME_RTHROTTLED = "retry"', "ESME_RTHROTTLED", "keep one"),
        ('88 = "retry"\n0x58 = "retry"', "0x58", "keep one"),
    ],
)
def test_a_mistake_in_a_status_names_key_and_cure(written: str, key: str, cure: str) -> None:
    found = mistakes(f"{LINK}[link.main.status]\n{written}")
    assert list(found) == [f"link.main.status.{key}"]
    assert cure in found[f"link.main.status.{key}"]


def test_a_bind_has_classes_of_its_own() -> None:
    found = mistakes(f'{LINK}[link.main.bind_status]\n0x03 = "permanent"')
    assert list(found) == ["link.main.bind_status.0x03"]
    assert 'write "retry_later", "already_bound"' in found["link.main.bind_status.0x03"]


@pytest.mark.parametrize(
    ("content", "place"),
    [
        (b"[spool]\npath = \n", "line 2, column 8"),
        (b"[spool]\n[spool]\n", "line 2, column "),
        (b"path = 'x", "end of document"),
        (b"a = [", "end of document"),
        (b"[spool]\n\n\xff\xfe\n", "line 3: is not UTF-8"),
        (b"a = " + b"9" * 5000, "TOML is written"),
        (b"a = " + b"[" * 5000, "TOML is written"),
    ],
)
def test_what_is_no_toml_names_the_place(content: bytes, place: str) -> None:
    found = parse(content, FILE, {})
    assert isinstance(found, list)
    assert [mistake.key for mistake in found] == [str(FILE)]
    assert place in found[0].problem


def test_a_mistake_prints_as_one_line() -> None:
    assert str(Mistake("link.main.port", "is odd")) == "link.main.port: is odd"
    assert all("\n" not in text for text in mistakes(LINK + '"a\\nb" = 1').values())


@given(st.text(st.characters(codec="ascii"), max_size=17) | st.from_regex(r"\+?[0-9 -]{1,17}"))
@example(".+000000")
def test_a_default_sender_is_one_that_messages_accept(text: str) -> None:
    if not isinstance(sender(text), Problem):
        assert isinstance(classify_sender(text), Sender)


@pytest.mark.parametrize(
    ("name", "why"),
    [("missing.toml", "No such file"), (".", "Is a directory"), ("a\0b", "null")],
)
def test_a_file_that_cannot_be_read_is_a_mistake(tmp_path: Path, name: str, why: str) -> None:
    found = load(tmp_path / name, {})
    assert isinstance(found, list)
    assert [mistake.key for mistake in found] == [str(tmp_path / name)]
    assert why in found[0].problem
    assert "--config FILE" in found[0].problem


@pytest.mark.parametrize("key", ["password", "passwrd", "password_env", "secret"])
def test_no_mistake_repeats_a_secret(key: str) -> None:
    found = parse(f'{LINK}{key} = "hunter2!"'.encode(), FILE, {})
    assert isinstance(found, list)
    assert "hunter2" not in str(found)


@pytest.mark.parametrize(
    ("written", "why"),
    [
        *((f"journal = {nothing}", "would remove everything") for nothing in ("0", '"0"', '"0s"')),
        ('done_size = "0GiB"', "would remove everything"),
        ('done = "forever"', "is not a length of time"),
        ('receipts = "10GiB"', "is not a length of time"),
        ('done_size = "10GB"', "is not a size"),
        ("events_size = 10", "out of range"),
        ('bad = "30d"', "is not a key here"),
        ('contents = "drop"', "is not known here"),
    ],
)
def test_what_cannot_be_meant_of_retention(written: str, why: str) -> None:
    (problem,) = mistakes(LINK + "[retention]\n" + written).values()
    assert why in problem
