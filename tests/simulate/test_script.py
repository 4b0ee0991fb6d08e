"""Scripts from files and flags, and the mistakes people make in them."""

from __future__ import annotations

import argparse
import re
import tomllib
from pathlib import Path
from typing import get_args, get_origin, get_type_hints

import pytest
from msgspec.structs import replace

from smppd.simulate.reading import (
    ScriptError,
    add_arguments,
    make_script,
    script_from_arguments,
    values,
)
from smppd.simulate.script import Script, encode_mo

WHOLE = """
seed = 7
listen = "[::1]:0"
system_id = "acme"
password = "secret"

[answer]
latency = "5ms"
jitter = 0.002
status = { "0x58" = 0.05, ESME_RSYSERR = 0.01 }
rate = 20

[receipt]
delay = "1.5s"
states = { UNDELIV = 0.1 }
intermediate = ["ENROUTE", "ACCEPTD"]
id_form = "hex"
form = "text_and_tlv"
another_bind = true

[bind]
refuse_first = 3
refuse_status = "ESME_RINVPASWD"

[tally]
file = "tally.json"
every = "10m"
"""


def parse(*flags: str) -> Script:
    parser = argparse.ArgumentParser()
    add_arguments(parser)
    return script_from_arguments(parser.parse_args(flags))


@pytest.fixture
def whole(tmp_path: Path) -> Path:
    path = tmp_path / "script.toml"
    path.write_text(WHOLE)
    return path


def test_a_file_says_what_differs_from_an_smsc_without_faults(whole: Path) -> None:
    script = parse("--script", str(whole))
    assert script.address() == ("::1", 0)
    assert (script.answer.latency, script.answer.jitter) == (0.005, 0.002)
    assert script.answer.status == {"0x58": 0.05, "ESME_RSYSERR": 0.01}
    assert (script.receipt.delay, script.receipt.id_form) == (1.5, "hex")
    assert script.receipt.intermediate == ["ENROUTE", "ACCEPTD"]
    assert script.bind.refuse_status == 0x0E
    assert float(script.tally.every) == 600
    assert script.mo == Script().mo


def test_flags_go_before_the_file(whole: Path) -> None:
    script = parse("--script", str(whole), "--answer-latency", "20ms", "--no-receipt-on")
    assert script.answer.latency == 0.02
    assert script.answer.rate == 20
    assert not script.receipt.on
    assert script.receipt.delay == 1.5


def test_tables_and_lists_are_written_with_commas_on_the_command_line() -> None:
    script = parse(
        "--answer-status=0x58=0.05, 8=0.01",
        "--receipt-states=UNDELIV=0.1",
        "--receipt-intermediate=ENROUTE,ACCEPTD",
        "--connection-drop-after=10",
        "--listen=0.0.0.0:2775",
    )
    assert script.answer.status == {"0x58": 0.05, "8": 0.01}
    assert script.receipt.states == {"UNDELIV": 0.1}
    assert script.receipt.intermediate == ["ENROUTE", "ACCEPTD"]
    assert script.connection.drop_after == 10
    assert script.address() == ("0.0.0.0", 2775)


def test_no_flags_make_the_default_script() -> None:
    assert parse() == make_script({}, "nothing") == Script()


def test_every_value_has_a_flag_of_its_own_and_a_description() -> None:
    found = list(values())
    assert len({value.flag for value in found}) == len(found)
    assert all(value.description for value in found)
    assert {"--seed", "--answer-latency", "--tally-file"} <= {value.flag for value in found}


@pytest.mark.parametrize(
    ("flags", "key", "cure"),
    [
        (["--answer-swallow=2"], "answer.swallow", "<= 1.0"),
        (["--answer-status=0x58"], "--answer-status", "NAME=SHARE"),
        (["--answer-status=0x58=often"], "--answer-status", "0x58=0.1"),
        (["--answer-status=WRONG=0.1"], "answer", "ESME_RTHROTTLED"),
        (["--answer-status=0=0.1"], "answer", "command_status"),
        (["--answer-status=8=0.6,0x58=0.6"], "answer", "add up to more than 1"),
        (["--answer-latency=5 furlongs"], "answer.latency", '"5ms"'),
        (["--answer-latency=-5"], "answer.latency", "duration"),
        (["--receipt-form=pretty"], "receipt.form", "text_and_tlv"),
        (["--receipt-states=GONE=0.1"], "receipt", "UNDELIV"),
        (["--receipt-window=0"], "receipt.window", ">= 1"),
        (["--bind-refuse-status=no"], "bind.refuse_status", "0x58"),
        (["--seed=x"], "seed", "int"),
        (["--listen=here"], "listen", "HOST:PORT"),
        (["--listen=here:99999"], "listen", "HOST:PORT"),
        (["--mo-source=" + "3" * 21], "mo.source", "20 characters"),
        (["--mo-text=" + "x" * 153 * 256], "mo", "256 parts"),
    ],
)
def test_a_mistake_in_a_flag_names_the_key_and_the_cure(
    flags: list[str], key: str, cure: str
) -> None:
    with pytest.raises(ScriptError) as caught:
        parse(*flags)
    assert f"{key}: " in str(caught.value)
    assert cure in str(caught.value)


@pytest.mark.parametrize(
    ("text", "key", "cure"),
    [
        ("[answr]\nlatency = 1", "answr", "there are listen, seed"),
        ("[answer]\nlatncy = 1", "answer.latncy", "there are latency, jitter"),
        ("answer = 3", "answer", "a table"),
        ("[answer]\nlatency = true", "answer.latency", "duration"),
        ("seed = ", "script.toml", "TOML"),
    ],
)
def test_a_mistake_in_a_file_names_the_file_the_key_and_the_cure(
    tmp_path: Path, text: str, key: str, cure: str
) -> None:
    path = tmp_path / "script.toml"
    path.write_text(text)
    with pytest.raises(ScriptError) as caught:
        parse("--script", str(path), "--answer-jitter=1")
    assert str(caught.value).startswith(str(path))
    assert f"{key}: " in str(caught.value)
    assert cure in str(caught.value)


def test_a_file_that_cannot_be_read_says_so(tmp_path: Path) -> None:
    with pytest.raises(ScriptError, match="No such file"):
        parse("--script", str(tmp_path / "missing.toml"))
    (tmp_path / "latin.toml").write_bytes(b"name = '\xe9'")
    with pytest.raises(ScriptError, match="UTF-8"):
        parse("--script", str(tmp_path / "latin.toml"))


@pytest.mark.parametrize(
    ("text", "octets", "data_coding"),
    [("Hello {n}", b"Hello 3", 0), ("Olé", b"\0O\0l\0\xe9", 8)],
)
def test_a_handsets_text_is_ascii_or_ucs2(text: str, octets: bytes, data_coding: int) -> None:
    encoded = encode_mo(text, 3)
    assert (encoded.octets, encoded.data_coding) == (octets, data_coding)


EXAMPLE = Path(__file__).parents[2] / "conf" / "simulate" / "provider.toml"


def test_the_example_shows_every_key_of_the_http_apis_and_loads(tmp_path: Path) -> None:
    assert parse("--script", str(EXAMPLE)).http.listen == "127.0.0.1:8080"
    whole = re.sub(r"(?m)^#(?=[a-z[])", "", EXAMPLE.read_text())
    (tmp_path / "whole.toml").write_text(whole)
    parse("--script", str(tmp_path / "whole.toml"))
    shown = tomllib.loads(whole)
    for section in ("http", "fate", "chat"):
        assert set(shown[section]) == {v.name for v in values() if v.section == section}
    for value in values():
        if get_origin(value.kind) is tuple:
            known = set(get_type_hints(get_args(value.kind)[0])) - {"user"}
            assert set(shown[value.section][value.name][0]) - {"user"} == known, value.key


def test_the_example_shows_the_defaults() -> None:
    shown = parse("--script", str(EXAMPLE))
    assert shown.fate == Script().fate
    assert shown.chat == Script().chat
    assert (
        replace(shown.http, listen=Script().http.listen, channel=Script().http.channel)
        == Script().http
    )


@pytest.mark.parametrize(
    ("flag", "key", "cure"),
    [
        ("--http-fault=what=lots", "http.fault.what", "lost, hang"),
        ("--http-fault=when=now", "http.fault.when", "what, op, every"),
        ("--http-fault=what=lost,op=sms.sendms", "http.fault", "sms.sendsms, sms."),
        ("--http-fault=lost", "--http-fault", "KEY=VALUE"),
        ("--http-fault=op=*", "http.fault", "what"),
        ("--http-fault=what=lost,share=3", "http.fault.share", "<= 1.0"),
        ("--http-channel=platform=fax,platformid=1", "http.channel.platform", "whatsapp"),
        ("--http-group=id=x", "http.group.id", "[0-9]"),
        ("--http-account=user=a", "http.account", "password"),
        ("--http-zone=Mars/Sea", "http", "zone"),
        ("--http-listen=8080", "http", "HOST:PORT"),
        ("--http-key=a.pem", "http", "cert"),
        ("--fate-words=LOST=x", "fate", "DELIVRD"),
        ("--fate-states=UNDELIV=0.6,EXPIRED=0.6", "fate", "add up"),
        ("--chat-platform=fax", "chat.platform", "telegram"),
    ],
)
def test_a_mistake_about_the_http_apis_names_the_key_and_the_cure(
    flag: str, key: str, cure: str
) -> None:
    with pytest.raises(ScriptError) as caught:
        parse(flag)
    assert key in str(caught.value)
    assert cure in str(caught.value)
    assert "\n" not in str(caught.value)


def test_tables_are_written_with_semicolons_on_the_command_line() -> None:
    script = parse(
        "--http-fault=what=lost,op=sms.*,every=10; what=delay,seconds=2",
        "--http-account=user=a,password=b,balance=10",
        "--http-prices=33=2,351=0.5",
        "--fate-words=DELIVRD=has arrived",
    )
    first, second = script.http.fault
    assert (first.what, first.op, first.every) == ("lost", "sms.*", 10)
    assert (second.what, second.seconds) == ("delay", 2)
    assert (script.http.account[0].user, script.http.account[0].balance) == ("a", 10)
    assert script.http.prices == {"33": 2, "351": 0.5}
    assert script.fate.words == {"DELIVRD": "has arrived"}
