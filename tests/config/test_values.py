"""What a configuration without mistakes gives: typed values, defaults, paths, the right file."""

from __future__ import annotations

from dataclasses import fields, replace
from pathlib import Path

import pytest

from smppd.config import (
    ChatConfig,
    Config,
    ContactsConfig,
    HttpConfig,
    JournalConfig,
    LinkConfig,
    ObserveConfig,
    RetentionConfig,
    SpoolConfig,
    TextTerms,
    TonNpi,
    find_config,
    load,
    parse,
)
from smppd.config.sections import RULES

LINK = """
[link.main]
host = "smpp.example.net"
system_id = "acme"
password_file = "password"
"""

FILE = Path("/etc/smppd/smppd.toml")


def configured(text: str) -> Config:
    found = parse(text.encode(), FILE, {})
    assert isinstance(found, Config), [str(mistake) for mistake in found]
    return found


def link(**given: object) -> LinkConfig:
    plain = LinkConfig(
        name="main",
        hosts=(("smpp.example.net", 2775),),
        system_id="acme",
        password_file=Path("/etc/smppd/password"),
    )
    return replace(plain, **given)  # type: ignore[arg-type]


def test_the_smallest_file_gives_the_defaults() -> None:
    assert configured(LINK) == Config(links=(link(),))


def test_defaults_are_those_of_the_manual() -> None:
    main = link()
    assert (main.bind, main.sessions, main.window, main.rate) == ("transceiver", 1, 10, 0)
    assert (main.tls, main.local_address, main.system_type, main.from_) == (False, "", "", "")
    assert (main.interface_version, main.data_coding_0, main.split) == ("3.4", "gsm7", "udh8")
    assert (main.message_id_form, main.on_unknown, main.max_attempts) == ("auto", "hold", 5)
    assert (main.bind_timeout, main.response_timeout) == (30, 60)
    assert (main.enquire_link_interval, main.enquire_link_timeout) == (30, 10)
    assert (main.reconnect_min, main.reconnect_max, main.drain_timeout) == (1, 60, 30)
    assert (main.retry_min, main.retry_max) == (30, 600)
    assert (main.long_credentials, main.first_sequence_number) == (False, 1)
    assert JournalConfig().path == Path("/var/lib/smppd/journal.db")
    assert ObserveConfig().listen == ("127.0.0.1", 9775)
    assert ObserveConfig().control == Path("/run/smppd/control.sock")
    assert SpoolConfig().path == Path("/var/spool/smppd")
    assert (SpoolConfig().report_after, SpoolConfig().dedupe_window) == (259_200, 604_800)
    assert SpoolConfig().receipt_wait == 14 * 86_400


@pytest.mark.parametrize(
    ("written", "field", "value"),
    [
        ("bind_timeout = 5", "bind_timeout", 5.0),
        ("bind_timeout = 0.25", "bind_timeout", 0.25),
        ('bind_timeout = "500ms"', "bind_timeout", 0.5),
        ('bind_timeout = "10s"', "bind_timeout", 10.0),
        ('retry_max = "10m"', "retry_max", 600.0),
        ('retry_max = "2h"', "retry_max", 7200.0),
        ('retry_max = "7d"', "retry_max", 604_800.0),
        ("drain_timeout = 0", "drain_timeout", 0.0),
        ("window = 10000", "window", 10_000),
        ("sessions = 100", "sessions", 100),
        ("rate = 33.5", "rate", 33.5),
        ("rate = 100", "rate", 100.0),
        ("tls = false", "tls", False),
        ("tls = true", "tls", True),
        ("tls = true\ntls_verify = false", "tls_verify", False),
        ('tls = true\ntls_server_name = "gw.example.net"', "tls_server_name", "gw.example.net"),
        ('local_address = "10.0.0.1"', "local_address", "10.0.0.1"),
        ('local_address = "10.0.0.1:0"', "local_address", "10.0.0.1"),
        ('local_address = "[2001:db8::5]:0"', "local_address", "2001:db8::5"),
        ('local_address = "2001:db8::5"', "local_address", "2001:db8::5"),
        ('bind = "receiver"', "bind", "receiver"),
        ('bind = "transmitter+receiver"', "bind", "transmitter+receiver"),
        ('split = "udh16"', "split", "udh16"),
        ('split = "sar"', "split", "sar"),
        ('split = "payload"', "split", "payload"),
        ('data_coding_0 = "gsm7_packed"', "data_coding_0", "gsm7_packed"),
        ('data_coding_0 = "latin1"', "data_coding_0", "latin1"),
        ('data_coding_0 = "ascii"', "data_coding_0", "ascii"),
        ("max_parts = 3", "max_parts", 3),
        ("transliterate = true", "transliterate", True),
        ('default_country = "+34"', "default_country", "34"),
        ("tlvs = false", "tlvs", False),
        ('ton_npi = {short_code = "0/1"}', "ton_npi", TonNpi((1, 1), (0, 1), (5, 0))),
        ('interface_version = "5.0"', "interface_version", "5.0"),
        ('on_unknown = "resend"', "on_unknown", "resend"),
        ('from = "ACME"', "from_", "ACME"),
        ('from = "+34600000000"', "from_", "+34600000000"),
        ('service_type = "CMT"', "service_type", "CMT"),
        ('system_type = "123456789012"', "system_type", "123456789012"),
        ("first_sequence_number = 0x7FFFFFFF", "first_sequence_number", 0x7FFFFFFF),
        ('max_pdu_length = "16KiB"', "max_pdu_length", 16384),
        ("port = 3550", "hosts", (("smpp.example.net", 3550),)),
    ],
)
def test_a_key_of_a_link_gives_a_typed_value(written: str, field: str, value: object) -> None:
    found = getattr(configured(LINK + written).links[0], field)
    assert found == value
    assert type(found) is type(value)


@pytest.mark.parametrize(
    ("written", "section", "field", "value"),
    [
        ('[spool]\npath = "spool"', "spool", "path", Path("/etc/smppd/spool")),
        ('[spool]\npath = "/srv/sms"', "spool", "path", Path("/srv/sms")),
        ('[spool]\nmax_line = "128KiB"', "spool", "max_line", 131_072),
        ("[spool]\nmax_line = 2048", "spool", "max_line", 2048),
        ('[spool]\ndefault_country = "+34"', "spool", "default_country", "34"),
        ("[spool]\ndedupe_window = 0", "spool", "dedupe_window", 0.0),
        ('[observe]\nlisten = ""', "observe", "listen", None),
        ('[observe]\nlisten = "0.0.0.0:80"', "observe", "listen", ("0.0.0.0", 80)),
        ('[observe]\nlisten = "[::1]:9775"', "observe", "listen", ("::1", 9775)),
        ('[observe]\nlog_format = "json"', "observe", "log_format", "json"),
        ("[observe]\nlog_content = true", "observe", "log_content", True),
    ],
)
def test_a_key_of_another_section_gives_a_typed_value(
    written: str, section: str, field: str, value: object
) -> None:
    assert getattr(getattr(configured(written + LINK), section), field) == value


@pytest.mark.parametrize(
    ("written", "addresses"),
    [
        ('host = "10.0.0.1"', (("10.0.0.1", 2775),)),
        ('host = "2001:db8::1"\nport = 1', (("2001:db8::1", 1),)),
        ('hosts = ["a:2776", "b"]', (("a", 2776), ("b", 2775))),
        ('hosts = ["a:2776", "b"]\nport = 9', (("a", 2776), ("b", 9))),
        ('hosts = ["[2001:db8::1]:5", "2001:db8::2"]', (("2001:db8::1", 5), ("2001:db8::2", 2775))),
    ],
)
def test_addresses_of_a_link(written: str, addresses: object) -> None:
    found = configured(LINK.replace('host = "smpp.example.net"', written))
    assert found.links[0].hosts == addresses


def test_links_keep_their_order_and_names() -> None:
    text = LINK.replace("main", "zebra") + LINK.replace("main", "a-2_b")
    assert [each.name for each in configured(text).links] == ["zebra", "a-2_b"]


def test_statuses_by_number_and_name() -> None:
    text = LINK + (
        '[link.main.status]\n0x401 = "operator"\n1026 = "permanent"\n'
        'ESME_RTHROTTLED = "retry_later"\n0x45 = "retry"\n"0xFF" = "reconnect"'
    )
    assert configured(text).links[0].status == {
        0x401: "operator",
        0x402: "permanent",
        0x58: "retry_later",
        0x45: "retry",
        0xFF: "reconnect",
    }


def test_statuses_that_refuse_a_bind() -> None:
    text = LINK + '[link.main.bind_status]\nESME_RINVCMDID = "credentials"\n0x401 = "operator"'
    found = configured(text).links[0]
    assert found.bind_status == {0x03: "credentials", 0x401: "operator"}
    assert found.status == {}


def test_a_byte_order_mark_does_no_harm() -> None:
    assert configured("\ufeff" + LINK) == configured(LINK)


def test_load_reads_a_file_and_resolves_paths_beside_it(tmp_path: Path) -> None:
    file = tmp_path / "smppd.toml"
    file.write_text(LINK + '[journal]\npath = "state/journal.db"')
    found = load(file, {})
    assert isinstance(found, Config)
    assert found.links[0].password_file == tmp_path / "password"
    assert found.journal.path == tmp_path / "state/journal.db"


@pytest.mark.parametrize(
    ("argument", "environ", "path"),
    [
        ("a.toml", {"SMPPD_CONFIG": "b.toml"}, "a.toml"),
        (None, {"SMPPD_CONFIG": "b.toml"}, "b.toml"),
        (None, {"SMPPD_CONFIG": ""}, "/etc/smppd/smppd.toml"),
        (None, {}, "/etc/smppd/smppd.toml"),
    ],
)
def test_which_file_is_read(argument: str | None, environ: dict[str, str], path: str) -> None:
    assert find_config(argument, environ) == Path(path)


def test_every_field_but_a_few_is_a_key_with_a_rule() -> None:
    read_otherwise = {"name", "hosts", "status", "bind_status", "ton_npi", "text_terms"}
    read_otherwise |= {"delivery_status", "channels"}
    for name, section in (
        ("spool", SpoolConfig()),
        ("journal", JournalConfig()),
        ("link", link()),
        ("http", HttpConfig(name="a")),
        ("contacts", ContactsConfig(name="b")),
        ("chat", ChatConfig()),
        ("observe", ObserveConfig()),
        ("retention", RetentionConfig()),
    ):
        named = {field.name for field in fields(section)} - read_otherwise
        assert {key.field for key in RULES[name].values()} == named


def test_the_terms_of_a_link_are_those_of_its_keys() -> None:
    keys = """
data_coding_0 = "ascii"
split = "udh16"
max_parts = 9
transliterate = true
ton_npi = {alphanumeric = "5/1"}
"""
    terms = TextTerms("ascii", "udh16", 9, True, True, TonNpi((1, 1), (3, 0), (5, 1)))
    assert configured(LINK + keys).links[0].text_terms == terms
    assert configured(LINK).links[0].text_terms == TextTerms()


@pytest.mark.parametrize("key", ["tlvs = false", 'interface_version = "3.3"'])
def test_a_link_may_have_no_tlvs(key: str) -> None:
    assert configured(LINK + key).links[0].text_terms == TextTerms(tlvs=False)


def test_what_is_kept_for_ever_and_what_is_not() -> None:
    kept = '[retention]\ndone = "never"\nreceived = "90d"\njournal = 5\ndone_size = "10GiB"\n'
    found = configured(LINK + kept + 'contents = "drop-when-final"').retention
    assert (found.done, found.received, found.journal) == (None, 90 * 86_400.0, 5.0)
    assert (found.done_size, found.events_size) == (10 << 30, None)
    assert found.drops_contents
    assert (found.receipts, found.events) == (30 * 86_400.0, 30 * 86_400.0)


@pytest.mark.parametrize(("contents", "full"), [("keep", True), ("drop-when-final", False)])
def test_the_log_of_calls_has_no_texts_where_none_are_kept(contents: str, full: bool) -> None:
    written = f'[observe]\nlog_content = true\n[retention]\ncontents = "{contents}"\n'
    assert configured(LINK + written).logs_calls_in_full is full
