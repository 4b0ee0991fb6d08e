"""Completion, in the real shells: what they offer is what the parsers take."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from smppd.cli import COMMANDS, main, whole_parser
from smppd.provider.catalogue import OPERATIONS

#: zsh completes in an editor of its own: here its functions are called, and what they would show is
#: printed by stand-ins for the two that show it.
_ZSH = """
compdef() { : }
compset() { : }
_describe() { for each in "${(@P)2}"; do print -r -- "${each%%:*}"; done }
_files() { print -l -- *(N) }
source $1
shift
words=("$@")
CURRENT=$#words
_smppd
"""
_BASH = """
source "$1"
shift
COMP_WORDS=("$@")
COMP_CWORD=$(($# - 1))
_smppd
printf '%s\\n' "${COMPREPLY[@]}"
"""


@pytest.fixture(scope="session")
def scripts(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    folder = tmp_path_factory.mktemp("completion")

    def script(shell: str) -> Path:
        if shutil.which(shell) is None:
            pytest.skip(f"needs {shell}, which .ci/run installs")
        path = folder / shell
        with path.open("w") as out, pytest.MonkeyPatch.context() as patch:
            patch.setattr("sys.stdout", out)
            assert main(["completion", shell]) == 0
        return path

    return script


Offered = Callable[..., set[str]]


@pytest.fixture(params=["bash", "zsh", "fish"])
def offered(
    request: pytest.FixtureRequest, scripts: Callable[[str], Path], tmp_path: Path
) -> Offered:
    """What the shell offers for the last of these words; the folder it is in has data.csv."""
    (tmp_path / "data.csv").touch()
    shell: str = request.param
    path = scripts(shell)

    def ask(*words: str) -> set[str]:
        line = ["smppd", *words]
        command = {
            "bash": ["bash", "--norc", "-c", _BASH, "bash", str(path), *line],
            "zsh": ["zsh", "-f", "-c", _ZSH, "zsh", str(path), *line],
            "fish": ["fish", "-N", "-c", f"source {path}; complete -C {' '.join(line)!r}"],
        }[shell]
        done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=True)
        assert done.stderr == ""
        found = {each.split("\t")[0] for each in done.stdout.splitlines() if each}
        return {each for each in found if each.startswith(words[-1])}

    return ask


def test_the_commands(offered: Offered) -> None:
    assert offered("") == set(COMMANDS)
    assert offered("re") == {name for name in COMMANDS if name.startswith("re")}


def test_the_options_of_a_command(offered: Offered) -> None:
    submit = next(each for each in whole_parser().declared().commands if each.path == ("submit",))
    long = {name for each in submit.options for name in each.names if name.startswith("--")}
    assert offered("submit", "--") == long
    assert offered("submit", "--wait", "--can") == {"--canary"}


def test_a_command_below_another(offered: Offered) -> None:
    assert offered("optout", "") == {"add", "remove", "list", "import", "export"}
    assert offered("optout", "add", "--s") == {"--sender"}


def test_the_value_of_an_option(offered: Offered) -> None:
    assert offered("submit", "--lane", "") == {"high", "normal", "bulk"}
    assert offered("submit", "--lane", "n") == {"normal"}
    assert offered("--config", "da") == {"data.csv"}
    assert offered("cancel", "--wait", "") == set()  # it takes a number; submit's takes nothing


def test_a_value_is_no_command(offered: Offered) -> None:
    assert offered("--config", "run", "optout", "a") == {"add"}
    assert offered("pause", "--reason", "status", "--camp") == {"--campaign"}


def test_files_where_files_stand_and_nowhere_else(offered: Offered) -> None:
    assert "data.csv" in offered("submit", "da")
    assert offered("show", "da") == set()


def test_operations_of_the_provider(offered: Offered) -> None:
    wanted = {name for name in OPERATIONS if name.startswith("sms.")}
    assert wanted
    assert offered("api", "sms.") == wanted


def test_a_value_behind_an_equals_sign_in_bash(
    scripts: Callable[[str], Path], tmp_path: Path
) -> None:
    """bash cuts such a word in three."""
    path = scripts("bash")
    for words, expected in (
        (["submit", "--lane", "=", "h"], ["high"]),
        (["submit", "--lane", "="], ["high", "normal", "bulk"]),
        (["--config", "=", "run", "optout", "a"], ["add"]),
    ):
        command = ["bash", "--norc", "-c", _BASH, "bash", str(path), "smppd", *words]
        done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=True)
        assert done.stdout.split() == expected


def test_a_shell_that_is_not_known_is_wrong_use(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["completion", "tcsh"]) == 2
    assert "bash" in capsys.readouterr().err
