"""What is said of links that may share an account, and of those that nobody receives for."""

from __future__ import annotations

from pathlib import Path

import pytest

from smppd.cli import main
from smppd.cli.link_check import receipts
from smppd.config import Config, parse


def said(*links: str) -> dict[str, str]:
    """What is found of links with these keys, named a, b and so on."""
    text = "".join(
        f'[link.{name}]\nhost = "smpp.example.net"\npassword_file = "password"\n{keys}\n'
        for name, keys in zip("abc", links, strict=False)
    )
    config = parse(text.encode(), Path("/etc/smppd/smppd.toml"), {})
    assert isinstance(config, Config), config
    found = list(receipts(config))
    assert all(each.ok and each.doubtful and "\n" not in each.line for each in found)
    return {each.what: each.says for each in found}


ACME = 'system_id = "acme"\n'
OTHER = 'system_id = "other"\n'
SHARED = 'smsc_account = "x"\n'
TX, RX = 'bind = "transmitter"\n', 'bind = "receiver"\n'


@pytest.mark.parametrize(
    "links",
    [
        (ACME,),
        (ACME, OTHER),
        (ACME + SHARED, ACME + SHARED),
        (ACME + SHARED, ACME + 'smsc_account = "y"\n'),
        (ACME + TX + SHARED, OTHER + RX + SHARED),
        (ACME + 'bind = "transmitter+receiver"\n',),
        (ACME + TX + "query_sm = true\n",),
    ],
)
def test_nothing_is_said_where_all_is_clear(links: tuple[str, ...]) -> None:
    assert said(*links) == {}


@pytest.mark.parametrize(
    ("links", "names"),
    [
        ((ACME, ACME), "a and b"),
        ((ACME + SHARED, ACME), "a and b"),
        ((ACME + TX, ACME + RX), "a and b"),
        ((ACME + SHARED, ACME + SHARED, ACME), "a, b and c"),
    ],
)
def test_one_system_id_on_several_links_wants_a_word(links: tuple[str, ...], names: str) -> None:
    ((what, says),) = said(*links).items()
    assert what == f"links {names}, receipts"
    assert 'have one system_id, "acme", at one address' in says
    assert "the same smsc_account; else give each another" in says


def test_also_at_different_addresses() -> None:
    (says,) = said(ACME, ACME + "port = 2776\n").values()
    assert "at different addresses" in says


@pytest.mark.parametrize(
    "links",
    [
        (ACME + TX,),
        (ACME + TX, OTHER + RX),
        (ACME + TX + SHARED, OTHER + RX),
        (ACME + TX + SHARED, ACME + RX + 'smsc_account = "y"\n'),
    ],
)
def test_a_transmitter_that_nobody_receives_for(links: tuple[str, ...]) -> None:
    ((what, says),) = said(*links).items()
    assert what == "link a, receipts"
    assert 'Write bind = "transmitter+receiver", or the same smsc_account' in says


@pytest.mark.parametrize("command", ["check", "doctor"])
def test_both_commands_warn_and_find_nothing_wrong_in_it(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], command: str
) -> None:
    (tmp_path / "password").write_text("secret\n")
    link = (
        '[link.%s]\nhost = "127.0.0.1"\nport = 9\nsystem_id = "acme"\npassword_file = "password"\n'
    )
    (tmp_path / "smppd.toml").write_text(
        '[spool]\npath = "spool"\n[journal]\npath = "journal.db"\n'
        '[observe]\nlisten = ""\ncontrol = "control.sock"\n' + link % "a" + link % "b"
    )
    main([command, "--config", str(tmp_path / "smppd.toml")])
    lines = [line for line in capsys.readouterr().out.splitlines() if "smsc_account" in line]
    assert len(lines) == 1
    assert lines[0].split()[:5] == ["warning", "links", "a", "and", "b,"]
