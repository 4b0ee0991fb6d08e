"""ARCHITECTURE.md tells the truth: its state tables are those of the code.

`python tests/test_architecture.py` writes the tables anew.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path

import pytest

from smppd.ledger.facts import Kind
from smppd.message import INITIAL, LIFECYCLE, State
from smppd.smpp.session_states import LEGAL, TRANSITIONS, Role, SessionState

ROOT = Path(__file__).resolve().parents[1]
DOCUMENT = ROOT / "ARCHITECTURE.md"


def _table(head: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    head = list(head)
    lines = [head, ["---"] * len(head), *map(list, rows)]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def lifecycle() -> str:
    """From each state of a message, where it may go."""
    rows = []
    for state in State:
        after = ", ".join(sorted(each.label for each in LIFECYCLE[state])) or "final"
        rows.append([state.label, "yes" if state in INITIAL else "", after])
    return _table(["state", "first", "may become"], rows)


def session_states() -> str:
    """From each state of an SMPP session, what leads where."""
    rows = [
        [state.value, trigger.value, after.value]
        for state in SessionState
        for trigger, after in TRANSITIONS[state].items()
    ]
    return _table(["state", "on", "becomes"], rows)


def session_legality() -> str:
    """What each side may issue in each state."""
    rows = []
    for state in SessionState:
        issues = [
            ", ".join(command.name.lower() for command in sorted(LEGAL[state][role])) or "nothing"
            for role in (Role.ESME, Role.SMSC)
        ]
        rows.append([state.value, *issues])
    return _table(["state", "the ESME may issue", "the SMSC may issue"], rows)


def facts() -> str:
    """The kinds of facts with their numbers on disk."""
    return _table(["number", "fact"], [[str(int(kind)), kind.name.lower()] for kind in Kind])


TABLES = {
    "lifecycle": lifecycle,
    "session-states": session_states,
    "session-legality": session_legality,
    "facts": facts,
}


def _marked(name: str) -> re.Pattern[str]:
    return re.compile(rf"(<!-- table: {name} -->\n)(.*?)(<!-- end -->)", re.DOTALL)


@pytest.mark.parametrize("name", TABLES)
def test_a_table_in_the_document_is_that_of_the_code(name: str) -> None:
    found = _marked(name).search(DOCUMENT.read_text())
    assert found is not None, f"ARCHITECTURE.md has no table {name}"
    assert found[2] == TABLES[name]() + "\n", "run: python tests/test_architecture.py"


def test_every_module_the_document_names_exists() -> None:
    named = set(re.findall(r"`(smppd/[\w/]+\.py)`", DOCUMENT.read_text()))
    assert len(named) > 15
    assert [path for path in sorted(named) if not (ROOT / path).exists()] == []


if __name__ == "__main__":
    text = DOCUMENT.read_text()
    for table, make in TABLES.items():
        old = _marked(table).search(text)
        assert old is not None, table
        text = text.replace(old[0], f"{old[1]}{make()}\n{old[3]}")
    DOCUMENT.write_text(text)
