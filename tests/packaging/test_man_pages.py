"""The man pages say all that the program takes, in a form that man reads without a complaint."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import man_pages
import pytest
import roff

from smppd.cli import whole_parser
from smppd.config.sections import KEYS


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("man")
    man_pages.main(folder)
    return folder


def shown(page: Path) -> str:
    """The page as a person sees it, without the breaks of lines."""
    if shutil.which("man") is None:
        pytest.skip("needs man, which .ci/run installs")
    command = ["man", "--warnings", "-E", "UTF-8", "-l", str(page)]
    environ = {"PATH": "/usr/bin:/bin", "LC_ALL": "C.UTF-8", "MANWIDTH": "2000", "MANROFFOPT": "-c"}
    done = subprocess.run(command, capture_output=True, text=True, check=True, env=environ)
    assert done.stderr == ""
    return re.sub(r".\x08", "", done.stdout).replace("\u2010", "-")


def test_the_page_of_the_program_tells_every_command_and_option(pages: Path) -> None:
    text = shown(pages / "smppd.1")
    for command in whole_parser().declared().everything():
        assert " ".join(["smppd", *command.path]) in text
        for argument in command.arguments:
            assert all(name in text for name in argument.names)
            if not {"--help", "--config"} & set(argument.names):  # these are told once
                assert " ".join(argument.says.split()) in text, argument


def test_the_page_of_the_configuration_tells_every_key(pages: Path) -> None:
    text = shown(pages / "smppd.toml.5")
    for section, keys in KEYS.items():
        assert re.search(rf"\[{section}\b", text), section
        assert [key for key in keys if not re.search(rf"\b{key}\b", text)] == [], section
    assert 'poll_interval = "1s"' in text
    assert "it is taken when it has not changed" not in text  # that is of another sentence
    assert "is taken when it has not changed for this long" in text


def test_the_page_of_the_spool_tells_fields_and_places(pages: Path) -> None:
    text = shown(pages / "smppd-spool.5")
    for word in (
        "inbox/tmp/",
        "expires",
        "NAME.results.jsonl",
        "received/new/",
        "X-Smppd-Signature",
    ):
        assert word in text


@pytest.mark.parametrize("name", man_pages.PAGES)
def test_another_reader_of_man_pages_has_nothing_to_say(name: str, pages: Path) -> None:
    if shutil.which("mandoc") is None:
        pytest.skip("needs mandoc, which .ci/run installs")
    command = ["mandoc", "-Tlint", "-Wwarning", str(pages / name)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    found = [line for line in done.stdout.splitlines() if "missing date" not in line]
    assert found == []


def test_what_roff_would_take_for_its_own_is_text() -> None:
    assert roff.text(".SH a\\b") == "\\&.SH a\\eb"
    assert roff.inline("`.jsonl` holds **one** [line](#there)") == (
        "\\fB\\&.jsonl\\fR holds \\fBone\\fR line"
    )
    assert roff.markdown("<!-- not run: why -->\n```sh\n.a\n\nb-c\n```\n") == [
        ".PP", ".nf", ".RS 4", "\\&.a", "\\&", "b\\-c", ".RE", ".fi",
    ]  # fmt: skip


def test_a_table_is_terms_and_what_is_said_of_them() -> None:
    table = (
        "| field | meaning | default |\n|---|---|---|\n| `to` | whom | required |\n| `x` | y | |\n"
    )
    assert roff.markdown(table) == [
        ".TP", "\\fBto\\fR", "whom (default: required)", ".TP", "\\fBx\\fR", "y",
    ]  # fmt: skip


def test_a_commented_key_is_a_term_below_its_section() -> None:
    source = '# All.\n\n[spool]\n# Where it\n# is.\n#path = "/a"\n#other = 1\n\n# More.\n'
    assert roff.commented_toml(source) == [
        ".PP", "All.", '.SH "[spool]"', ".TP", '\\fBpath = "/a"\\fR', ".TQ", "\\fBother = 1\\fR",
        "Where it is.", ".PP", "More.",
    ]  # fmt: skip
