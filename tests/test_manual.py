"""docs/events.md tells of every event that the daemon logs and of every alert, and tells the truth.

`python tests/test_manual.py` writes what is made from the code and the rules anew, and adds an
entry for each event that has none; cause and cure are then to be written.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from dataclasses import fields
from pathlib import Path
from typing import NamedTuple

from smppd.cli import COMMANDS
from smppd.observe.lines import LINES, SUMMED

ROOT = Path(__file__).resolve().parents[1]
DOCUMENT = ROOT / "docs" / "events.md"
RULES = ROOT / "conf" / "prometheus" / "smppd.rules.yml"
_ALERTS = re.compile(r"(<!-- alerts: made from the rules -->\n)(.*?)(<!-- end -->)", re.DOTALL)
_RULE = re.compile(
    r"- alert: (\w+)\n.*?severity: (\w+).*?summary: (\".*?\")\n\s+description: (\".*?\")\n",
    re.DOTALL,
)
_ENTRY = re.compile(r"^### (\w+)\n(.*?)(?=^##|\Z)", re.MULTILINE | re.DOTALL)
_TO_BE_WRITTEN = "- Cause: (to be written)\n- Cure: (to be written)\n"


class Entry(NamedTuple):
    """What the manual says of an event: what is made from the code, and what a person wrote."""

    made: str
    cause: str
    cure: str


def _made(level: str, says: str, keys: Iterable[str]) -> str:
    return f"*{level}*: {says}. Fields: {', '.join(f'`{key}`' for key in keys) or 'none'}."


def events_of_the_code() -> dict[str, str]:
    """Each event's name, and the line about it that is made from the code."""
    found = {}
    for kind, line in LINES.items():
        keys = (line.renamed.get(field.name, field.name) for field in fields(kind))
        found[line.name] = _made(line.level, line.says, keys)
        if summed := SUMMED.get(kind):
            counted = ("count", *summed.numbers, *summed.counts)
            found[summed.name] = _made(line.level, summed.says, counted)
    return found


def entries(text: str) -> dict[str, Entry]:
    """What the manual says of each event."""
    found = {}
    for name, body in _ENTRY.findall(text):
        made, _, prose = body.partition("\n\n")
        cause, _, cure = prose.partition("\n- Cure: ")
        found[name] = Entry(made.strip(), cause.removeprefix("- Cause: ").strip(), cure.strip())
    return found


def alerts_of_the_rules() -> str:
    """Each alert with its severity, what it says and what is to be done, for the manual."""
    found = []
    for name, severity, *quoted in _RULE.findall(RULES.read_text()):
        summary, description = map(_without_templates, map(json.loads, quoted))
        found.append(f"### {name}\n*{severity}*: {summary}.\n\n- What to do: {description}\n")
    return "\n".join(found)


def _without_templates(text: str) -> str:
    """`{{ $labels.link }}` as LINK, `{{ $value | … }}` as an ellipsis."""
    text = re.sub(r"\{\{ \$labels\.(\w+) \}\}", lambda found: found[1].upper(), text)
    return re.sub(r"\{\{ \$value.*?\}\}", "…", text)


def _events() -> str:
    """The manual without its alerts."""
    return _ALERTS.sub("", DOCUMENT.read_text())


def test_every_alert_is_in_the_manual() -> None:
    found = _ALERTS.search(DOCUMENT.read_text())
    assert found is not None
    assert found[2] == alerts_of_the_rules(), "run: python tests/test_manual.py"
    assert found[2].count("### ") == RULES.read_text().count("- alert: ")


def test_every_command_is_in_the_manual_and_no_other() -> None:
    manual = "".join(
        path.read_text() for path in (ROOT / "README.md", *(ROOT / "docs").glob("*.md"))
    )
    assert [name for name in COMMANDS if f"smppd {name}" not in manual] == []
    named = set(re.findall(r"(?:`|\$\()smppd ([a-z][a-z-]*)", manual))
    assert named - set(COMMANDS) == set()


def test_every_event_is_in_the_manual_and_no_other() -> None:
    named = re.findall(r"(?m)^### (\w+)$", _events())
    assert sorted(named) == sorted(events_of_the_code()), "run: python tests/test_manual.py"


def test_the_manual_says_of_each_event_what_the_code_says() -> None:
    told = {name: entry.made for name, entry in entries(_events()).items()}
    assert told == events_of_the_code(), "run: python tests/test_manual.py"


def test_every_event_has_a_cause_and_a_cure() -> None:
    for name, entry in entries(_events()).items():
        assert len(entry.cause) > 10, f"docs/events.md: why is there {name}?"
        assert len(entry.cure) > 3, f"docs/events.md: what is to be done about {name}?"
        assert "(to be written)" not in entry.cause + entry.cure, name


def test_an_event_that_wants_somebody_says_what_to_do() -> None:
    wanting = {line.name for line in LINES.values() if line.level in {"warning", "error"}}
    idle = {
        name
        for name, entry in entries(_events()).items()
        if name in wanting and entry.cure in {"none.", "none"}
    }
    assert idle == set()


def _rewritten(text: str) -> str:
    alerts = _ALERTS.search(text)
    assert alerts is not None
    text = text[: alerts.start()] + "\0" + text[alerts.end() :]
    made = events_of_the_code()

    def entry(found: re.Match[str]) -> str:
        name, body = found[1], found[2]
        prose = body.partition("\n\n")[2] if body.startswith("*") else body
        return f"### {name}\n{made[name]}\n\n{prose}"

    text = _ENTRY.sub(entry, text)
    missing = [name for name in made if f"### {name}\n" not in text]
    added = "".join(f"\n### {name}\n{made[name]}\n\n{_TO_BE_WRITTEN}" for name in missing)
    text = text.replace("\n## Alerts\n", f"{added}\n## Alerts\n")
    return text.replace("\0", f"{alerts[1]}{alerts_of_the_rules()}{alerts[3]}")


if __name__ == "__main__":
    DOCUMENT.write_text(_rewritten(DOCUMENT.read_text()))
