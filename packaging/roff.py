"""Man pages out of what is written elsewhere: text, Markdown, and commented TOML, as roff."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

_FENCE = "```"
_INLINE = re.compile(r"`([^`]+)`|\*\*(.+?)\*\*|\[([^\]]+)\]\([^)]*\)")


def text(plain: str) -> str:
    """Plain text, so that roff takes no character of it for its own."""
    escaped = plain.replace("\\", "\\e").replace("-", "\\-").replace("~", "\\(ti")
    escaped = escaped.replace("^", "\\(ha").replace("`", "\\(ga").replace("'", "\\(aq")
    return re.sub(r"(?m)^(?=\.)", "\\\\&", escaped)


def bold(plain: str) -> str:
    """Text that is to be written as it stands."""
    return f"\\fB{text(plain)}\\fR"


def italic(plain: str) -> str:
    """Text that stands for another."""
    return f"\\fI{text(plain)}\\fR"


def header(name: str, section: int, version: str, says: str) -> list[str]:
    """How every page begins."""
    return [
        f'.TH {name.upper()} {section} "" "smppd {version}" "smppd manual"',
        ".SH NAME",
        f"{text(name)} \\- {text(says)}",
    ]


def example(lines: Iterable[str]) -> list[str]:
    """Lines as they stand."""
    return [".PP", ".nf", ".RS 4", *(text(line) or "\\&" for line in lines), ".RE", ".fi"]


def inline(markdown: str) -> str:
    """A paragraph of Markdown: code and bold are bold, a link is its words."""
    found, last = [], 0
    for match in _INLINE.finditer(markdown):
        found.append(text(markdown[last : match.start()]))
        code, strong, words = match.groups()
        found.append(bold(code or strong) if code or strong else text(words))
        last = match.end()
    line = "".join([*found, text(markdown[last:])])
    return f"\\&{line}" if line.startswith(".") else line


def markdown(source: str) -> list[str]:
    """A document's text: headings, paragraphs, lists, tables and fences. Comments are left out."""
    source = re.sub(r"(?m)^<!-- .* -->\n", "", source)
    found: list[str] = []
    for block in _blocks(source):
        found += _block(block)
    return found


def _blocks(source: str) -> Iterator[list[str]]:
    """What stands together: a fence with all its lines, or the lines up to an empty one."""
    block: list[str] = []
    fenced = False
    for line in source.splitlines():
        if line.startswith(_FENCE):
            if not fenced and block:
                yield block
                block = []
            fenced = not fenced
            block.append(line)
            if not fenced:
                yield block
                block = []
        elif fenced or line.strip():
            block.append(line)
        elif block:
            yield block
            block = []
    if block:
        yield block


def _block(lines: list[str]) -> list[str]:
    first = lines[0]
    if first.startswith(_FENCE):
        return example(lines[1:-1])
    if first.startswith("#"):
        level, _, title = first.partition(" ")
        rest = _block(lines[1:]) if lines[1:] else []
        return [f'.{"SH" if len(level) < 3 else "SS"} "{text(title)}"', *rest]
    if first.startswith("|"):
        return _table(lines)
    return [".PP", inline(" ".join(lines))]


def _table(lines: list[str]) -> list[str]:
    """Each row as a term with what is said of it; the default, where there is one, in brackets."""
    head, _, *rows = ([cell.strip() for cell in line.strip("|").split("|")] for line in lines)
    found = []
    for first, *rest in rows:
        says = rest[0] if rest else ""
        more = [f"({head[2]}: {each})" for each in rest[1:] if each]
        found += [".TP", inline(first), inline(" ".join([says, *more]).strip())]
    return found


def commented_toml(source: str) -> list[str]:
    """A configuration in which comments say what the keys below them are, shown or commented out."""
    found: list[str] = []
    said: list[str] = []
    was_key = False
    for line in [*source.splitlines(), ""]:
        if section := re.fullmatch(r"#?(\[+[\w.]+\]+)", line):
            found += [*_said(said), f'.SH "{text(section[1])}"']
            said, was_key = [], False
        elif re.match(r"#?[a-z_0-9]+ = ", line):
            found.append(".TQ" if was_key else ".TP")
            found.append(bold(line.removeprefix("#")))
            was_key = True
        elif line.startswith("# ") and not was_key:
            said.append(line.removeprefix("# "))
        else:
            if was_key:
                found += [text(" ".join(said)) or "\\&"]
            else:
                found += _said(said)
            said, was_key = [line.removeprefix("# ")] if line.startswith("# ") else [], False
    return found


def _said(lines: list[str]) -> list[str]:
    return [".PP", text(" ".join(lines))] if lines else []
