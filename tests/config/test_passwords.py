"""Where the password of a link comes from, and what is said when it cannot be used."""

from __future__ import annotations

from pathlib import Path

import pytest

from smppd.config import Config, LinkConfig, Mistake, parse, read_password

LINK = """
[link.main]
host = "smpp.example.net"
system_id = "acme"
password_file = "password"
"""


def link(*, file: Path | None = None, env: str | None = None, long: bool = False) -> LinkConfig:
    return LinkConfig(
        name="main",
        hosts=(("smpp.example.net", 2775),),
        system_id="acme",
        password_file=file,
        password_env=env,
        long_credentials=long,
    )


def credential(tmp_path: Path, written: str) -> Path | None:
    """Which file a link with this `password_file` reads, under systemd."""
    (tmp_path / "credentials").mkdir()
    (tmp_path / "credentials/password").write_text("secret")
    return handed_over(tmp_path, written)


def handed_over(tmp_path: Path, written: str) -> Path | None:
    environ = {"CREDENTIALS_DIRECTORY": str(tmp_path / "credentials")}
    text = LINK.replace('"password"', f'"{written}"')
    found = parse(text.encode(), tmp_path / "smppd.toml", environ)
    assert isinstance(found, Config)
    return found.links[0].password_file


def test_a_bare_name_is_a_credential_of_systemd(tmp_path: Path) -> None:
    assert credential(tmp_path, "password") == tmp_path / "credentials/password"


@pytest.mark.parametrize("written", ["other", "./password", "/etc/password"])
def test_other_names_are_no_credentials(tmp_path: Path, written: str) -> None:
    assert credential(tmp_path, written) == tmp_path / written


def test_a_name_with_the_folder_of_the_configuration_is_one_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where the daemon's user may not read the file itself, which root, for one, always may."""
    (tmp_path / "password").write_text("of the file")
    may_not = {tmp_path / "password", Path("/etc/password")}
    monkeypatch.setattr("os.access", lambda path, _mode: Path(path) not in may_not)
    written = str(tmp_path / "password")
    assert credential(tmp_path, written) == tmp_path / "credentials/password"
    assert handed_over(tmp_path, "/etc/password") == Path("/etc/password")
    assert handed_over(tmp_path, "./password") == tmp_path / "password"
    may_not.clear()
    assert handed_over(tmp_path, written) == tmp_path / "password"


def test_what_the_unit_has_in_the_stead_of_a_file_is_no_credential(tmp_path: Path) -> None:
    credential(tmp_path, "password")
    (tmp_path / "credentials/password").write_text("\n")
    assert handed_over(tmp_path, "password") == tmp_path / "password"


@pytest.mark.parametrize(
    ("content", "password"),
    [
        (b"secret", "secret"),
        (b"secret\n", "secret"),
        (b"secret\r\n", "secret"),
        (b" a b \n", " a b "),
    ],
)
def test_a_password_without_its_final_newline(
    tmp_path: Path, content: bytes, password: str
) -> None:
    (tmp_path / "password").write_bytes(content)
    assert read_password(link(file=tmp_path / "password"), {}) == password


@pytest.mark.parametrize(
    ("content", "cure"),
    [
        (b"", "fill it in"),
        (b"\n", "fill it in"),
        (b"s3\ncr\n", "more than one line"),
        (b"s3\n\n", "more than one line"),
        (b"s3\0cr", "printable ASCII"),
        ("s3ñcr".encode(), "printable ASCII"),
        (b"s3\tcr", "printable ASCII"),
        (b"s3crets3c", "has 9 characters, more than the 8 that are allowed"),
        (b"s3cr" * 2000, "far too large"),
    ],
)
def test_a_password_that_cannot_be_sent(tmp_path: Path, content: bytes, cure: str) -> None:
    (tmp_path / "password").write_bytes(content)
    found = read_password(link(file=tmp_path / "password"), {})
    assert isinstance(found, Mistake)
    assert found.key == "link.main.password_file"
    assert cure in found.problem
    assert "s3" not in found.problem


def test_a_password_file_that_cannot_be_read(tmp_path: Path) -> None:
    found = read_password(link(file=tmp_path / "none"), {})
    assert isinstance(found, Mistake)
    assert found.key == "link.main.password_file"
    assert f"{tmp_path}/none (No such file or directory)" in found.problem


@pytest.mark.parametrize(("length", "accepted"), [(9, True), (255, True), (256, False)])
def test_long_credentials(tmp_path: Path, length: int, accepted: bool) -> None:
    (tmp_path / "password").write_text("p" * length)
    text = LINK.replace("acme", "u" * length) + "long_credentials = true"
    found = parse(text.encode(), tmp_path / "smppd.toml", {})
    assert isinstance(found, Config) is accepted
    account = link(file=tmp_path / "password", long=True)
    assert isinstance(read_password(account, {}), str) is accepted


def test_a_password_from_the_environment() -> None:
    account = link(env="SMPP_PASSWORD")
    assert read_password(account, {"SMPP_PASSWORD": "secret"}) == "secret"
    missing = read_password(account, {})
    assert isinstance(missing, Mistake)
    assert missing.key == "link.main.password_env"
    assert "set it" in missing.problem


def test_a_link_built_in_code_may_have_no_password() -> None:
    account = link()
    assert read_password(account, {}) == ""
