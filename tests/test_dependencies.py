"""What smppd is made of: each package is known and bounded, nothing comes in behind anybody's back, and
nothing installs from anywhere but where pip is told to look."""

from __future__ import annotations

import re
import sys
import tomllib
from importlib.metadata import distribution
from pathlib import Path

import pytest
from packaging.requirements import Requirement

ROOT = Path(__file__).resolve().parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
LISTED = re.compile(r"^([a-z0-9-]+)==(\S+) +# (.+)$")


def _plain(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def listed() -> dict[str, tuple[str, set[str]]]:
    """Each package of constraints.txt, its version, and what is said to bring it in."""
    lines = (ROOT / "constraints.txt").read_text().splitlines()
    found = [LISTED.match(line) for line in lines if not line.startswith("#")]
    assert all(found), "each line is NAME==VERSION  # WHO BRINGS IT IN"
    return {each[1]: (each[2], set(each[3].split(", "))) for each in found if each}


def closure() -> dict[str, set[str]]:
    """Each package that an installed smppd needs, and which need it, smppd's own being the project's."""
    found: dict[str, set[str]] = {}

    def enter(requirements: list[str], by: str) -> None:
        for text in requirements:
            wanted = Requirement(text)
            if wanted.marker is not None and not wanted.marker.evaluate({"extra": ""}):
                continue
            name = _plain(wanted.name)
            known = name in found
            found.setdefault(name, set()).add(by)
            if not known:
                enter(distribution(name).requires or [], name)

    enter(PROJECT["dependencies"], "smppd")
    return found


def test_no_package_comes_in_unknown() -> None:
    unknown = closure().keys() - listed().keys()
    assert not unknown, (
        "enter them in constraints.txt, with a reason, or do without what brings them in"
    )


@pytest.mark.skipif(sys.version_info[:2] != (3, 11), reason="the list is that of Python 3.11")
def test_the_list_is_no_longer_than_it_need_be_and_says_who_brings_each_in() -> None:
    needed = closure()
    assert listed().keys() == needed.keys()
    for name, (_, by) in listed().items():
        assert by <= needed[name], f"{name} is not brought in by {by - needed[name]}"


def test_every_requirement_of_ours_has_a_lower_bound_that_the_tested_version_meets() -> None:
    for text in PROJECT["dependencies"]:
        wanted = Requirement(text)
        assert any(each.operator in (">=", "==", "~=") for each in wanted.specifier), text
        assert wanted.specifier.contains(listed()[_plain(wanted.name)][0]), text
        assert wanted.url is None, f"{text}: comes from pip's index, or not at all"


def test_every_requirement_of_ours_says_why_it_is_there() -> None:
    text = (ROOT / "pyproject.toml").read_text()
    block = text[
        text.index("\ndependencies = [") : text.index("\n]", text.index("\ndependencies = ["))
    ]
    lines = [line for line in block.splitlines() if line.strip().startswith('"')]
    assert len(lines) == len(PROJECT["dependencies"])
    assert all("# " in line for line in lines)


def test_nothing_says_where_packages_come_from() -> None:
    """An index of one's own beside the usual one is how somebody else's package of the same name gets in."""
    for path in [ROOT / "pyproject.toml", ROOT / "constraints.txt", *(ROOT / ".ci").iterdir()]:
        text = path.read_text()
        for word in (
            "--index-url",
            "--extra-index-url",
            "--find-links",
            "--trusted-host",
            "PIP_INDEX",
        ):
            assert word not in text, f"{path.name} has {word}"
