"""Every command, program and setting of the manual is run, and prints what the manual says."""

from __future__ import annotations

import json
import re
import shutil
import tomllib
from pathlib import Path

import pytest

from smppd.config import load
from tests.docs.blocks import DOCUMENTS, Block, Section, sections
from tests.docs.sandbox import sandbox

SECTIONS = [section for document in DOCUMENTS for section in sections(document)]
PROGRAMS = ("php", "sqlite3", "jq", "curl")

#: How many blocks cannot be run in a sandbox; each says why. More of them want a good reason.
NOT_RUN = 6

_BASE = """\
[link.main]
host = "smpp.example.net"
system_id = "acme"
password_file = "/etc/smppd/password"
"""


def _marked(mark: str) -> list[tuple[str, Block]]:
    found = [(section.name, block) for section in SECTIONS for block in section.blocks]
    return [(name, block) for name, block in found if mark in block.marks]


@pytest.mark.parametrize(
    "section", [each for each in SECTIONS if each.runs], ids=lambda each: each.name
)
def test_what_a_section_of_the_manual_says_can_be_done(section: Section) -> None:
    for program in PROGRAMS:
        if section.needs(program) and shutil.which(program) is None:
            pytest.skip(f"needs {program}, which .ci/run installs")
    with sandbox() as place:
        if not any("> /etc/smppd/smppd.toml" in block.text for block in section.blocks):
            place.configure()
            place.start()
        for block in section.blocks:
            if "not run" not in block.marks:
                place.do(block, {})


def test_what_is_not_run_says_why() -> None:
    found = _marked("not run")
    assert all(len(block.marks["not run"]) > 20 for _, block in found)
    assert len(found) == NOT_RUN, [(name, block.line) for name, block in found]


def test_marks_are_known() -> None:
    known = {"file", "add to", "exit", "not run", "configuration"}
    found = {mark for section in SECTIONS for block in section.blocks for mark in block.marks}
    assert found <= known


@pytest.mark.parametrize("section", SECTIONS, ids=lambda each: each.name)
def test_settings_and_lines_of_a_section_are_right(section: Section, tmp_path: Path) -> None:
    for block in section.blocks:
        if block.kind == "toml":
            _check_settings(block, tmp_path)
        elif block.kind == "json":
            _check_lines(block)


def _check_settings(block: Block, folder: Path) -> None:
    """A whole configuration, or sections of one beside a link."""
    file = folder / "smppd.toml"
    has_links = {"link", "http"} & tomllib.loads(block.text).keys()
    file.write_text(block.text if has_links else block.text + _BASE)
    found = load(file)
    assert not isinstance(found, list), f"line {block.line}: {list(map(str, found))}"


def _check_lines(block: Block) -> None:
    """One document, or one on each line."""
    try:
        json.loads(block.text)
    except ValueError:
        for line in block.text.splitlines():
            json.loads(line)


def test_no_fence_is_left_open() -> None:
    for document in DOCUMENTS:
        fences = [line for line in document.read_text().splitlines() if line.startswith("```")]
        assert len(fences) % 2 == 0, document.name


def test_every_place_that_the_manual_points_to_is_there() -> None:
    for document in DOCUMENTS:
        for target, anchor in re.findall(r"\]\(([\w/.-]*)(#[\w-]+)?\)", document.read_text()):
            file = document.parent / target if target else document
            assert file.exists(), f"{document.name}: {target}"
            if anchor:
                assert anchor[1:] in _anchors(file), f"{document.name}: {target}{anchor}"


def _anchors(document: Path) -> set[str]:
    heads = re.findall(r"(?m)^#+ (.*)$", document.read_text())
    return {re.sub(r"[^\w -]", "", head).lower().replace(" ", "-") for head in heads}
