"""The files that TLS needs: read, or refused with what is wrong and the cure."""

from __future__ import annotations

import ssl
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from smppd.config import Config, LinkConfig, Mistake, parse, tls_context

if TYPE_CHECKING:
    from tests.certificates import Authority

LINK = """
[link.main]
host = "smpp.example.net"
system_id = "acme"
password_env = "PASSWORD"
tls = true
"""


def context(**keys: Any) -> ssl.SSLContext | Mistake:
    return tls_context(LinkConfig(name="main", hosts=(), system_id="acme", tls=True, **keys))


def usable(**keys: Any) -> ssl.SSLContext:
    found = context(**keys)
    assert isinstance(found, ssl.SSLContext), found
    return found


def mistake(key: str, **keys: Any) -> str:
    """What is said of this key, in one line and without a fragment of a file's content."""
    found = context(**keys)
    assert isinstance(found, Mistake), found
    assert found.key == f"link.main.{key}"
    assert "\n" not in found.problem
    assert "BEGIN" not in found.problem
    return found.problem


def test_the_smsc_is_verified_by_default() -> None:
    found = usable()
    assert found.verify_mode is ssl.CERT_REQUIRED
    assert found.check_hostname
    assert found.minimum_version is ssl.TLSVersion.TLSv1_2


def test_it_is_not_verified_when_told_so() -> None:
    found = usable(tls_verify=False)
    assert found.verify_mode is ssl.CERT_NONE
    assert found.minimum_version is ssl.TLSVersion.TLSv1_2


def test_only_the_ca_that_is_named_is_trusted(authority: Authority) -> None:
    assert len(usable(tls_ca_file=authority.file).get_ca_certs()) == 1


def test_a_certificate_of_ours_is_taken_with_its_key(authority: Authority) -> None:
    ours = authority.issue("acme")
    usable(tls_cert_file=ours.cert, tls_key_file=ours.key)


def test_a_key_of_another_certificate_is_refused(authority: Authority) -> None:
    ours, other = authority.issue("acme"), authority.issue("acme")
    why = mistake("tls_key_file", tls_cert_file=ours.cert, tls_key_file=other.key)
    assert why == f"{other.key} does not belong to the certificate in {ours.cert}; name its own key"


def test_a_key_with_a_passphrase_is_refused_without_asking(
    authority: Authority, tmp_path: Path
) -> None:
    ours, locked = authority.issue("acme"), tmp_path / "locked.key"
    command = ["openssl", "pkey", "-aes256", "-passout", "pass:x", "-in", str(ours.key)]
    subprocess.run([*command, "-out", str(locked)], check=True, capture_output=True)
    why = mistake("tls_key_file", tls_cert_file=ours.cert, tls_key_file=locked)
    assert "wants a passphrase; store the key without one" in why


@pytest.mark.parametrize("key", ["tls_ca_file", "tls_cert_file", "tls_key_file"])
def test_files_that_are_missing_or_something_else_are_refused(
    authority: Authority, tmp_path: Path, key: str
) -> None:
    ours = authority.issue("acme")
    files = {
        "tls_ca_file": authority.file,
        "tls_cert_file": ours.cert,
        "tls_key_file": ours.key,
    }
    wrong = tmp_path / "wrong.pem"
    assert f"cannot read {wrong} (No such file" in mistake(key, **(files | {key: wrong}))
    assert f"cannot read {tmp_path} (Is a dir" in mistake(key, **(files | {key: tmp_path}))
    wrong.write_bytes(b"\x30\x82\x01")
    assert "in PEM form; convert it" in mistake(key, **(files | {key: wrong}))


def test_a_certificate_that_is_damaged_is_refused(authority: Authority, tmp_path: Path) -> None:
    damaged = tmp_path / "damaged.pem"
    damaged.write_bytes(authority.file.read_bytes().replace(b"MII", b"$$$"))
    assert "cannot be read" in mistake("tls_ca_file", tls_ca_file=damaged)
    ours = authority.issue("acme")
    why = mistake("tls_key_file", tls_cert_file=damaged, tls_key_file=ours.key)
    assert "cannot be used" in why


def test_a_bare_name_is_a_credential_of_systemd(tmp_path: Path) -> None:
    (tmp_path / "credentials").mkdir()
    (tmp_path / "credentials/client.key").touch()
    environ = {"CREDENTIALS_DIRECTORY": str(tmp_path / "credentials")}
    text = LINK + 'tls_cert_file = "client.pem"\ntls_key_file = "client.key"'
    found = parse(text.encode(), tmp_path / "smppd.toml", environ)
    assert isinstance(found, Config)
    assert found.links[0].tls_key_file == tmp_path / "credentials/client.key"
    assert found.links[0].tls_cert_file == tmp_path / "client.pem"


@pytest.mark.parametrize(
    ("host", "local", "said"),
    [
        ('host = "10.0.0.1"', "::1", "is an IPv6 address, and 10.0.0.1 is an IPv4 one"),
        ('hosts = ["a", "[::1]:5"]', "10.0.0.1", "is an IPv4 address, and ::1 is an IPv6 one"),
    ],
)
def test_the_local_address_is_of_the_hosts_kind(host: str, local: str, said: str) -> None:
    text = LINK.replace('host = "smpp.example.net"', host) + f'local_address = "{local}"'
    (found,) = _mistakes(text)
    assert found.key == "link.main.local_address"
    assert said in found.problem


def test_hosts_with_mistakes_are_not_compared() -> None:
    text = LINK.replace('host = "smpp.example.net"', 'hosts = ["a b", 5]')
    keys = [each.key for each in _mistakes(text + 'local_address = "10.0.0.1"')]
    assert set(keys) == {"link.main.hosts"}


def _mistakes(text: str) -> list[Mistake]:
    found = parse(text.encode(), Path("/etc/smppd/smppd.toml"), {})
    assert isinstance(found, list)
    return found
