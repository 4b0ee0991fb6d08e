"""The text of a mail-merge: `Hola {name}`, with `{{` and `}}` for braces that are meant.

Pure. What is wrong with a template is told in one sentence that names the place.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

import msgspec

from smppd.message import ErrorInfo

#: No message holds so many characters (255 parts of 153, or 64 KiB of a payload). A short line may name a
#: long field over and over, and the text of that fits no memory: so it is counted before it is made.
MOST_CHARACTERS = 1 << 17
#: A doubled brace, a name in braces, or a brace that is neither.
_PIECE = re.compile(r"\{\{|\}\}|\{([^{}]*)\}|[{}]")

#: What is said of a text that is longer.
TOO_LONG = ErrorInfo(
    "TOO_LONG",
    text=f"text: has more than {MOST_CHARACTERS:,} characters when its gaps are filled: shorten what"
    " goes into it",
)


class Template(msgspec.Struct, frozen=True):
    """A text with gaps: `pattern` is for `%`, `names` say what goes in, each as often as it comes."""

    pattern: str
    names: tuple[str, ...] = ()

    def filled(self, values: Sequence[str]) -> str | ErrorInfo:
        """The text with these values, one for each of `names`, unless no message could hold it."""
        if len(self.pattern) + sum(map(len, values)) > MOST_CHARACTERS:
            return TOO_LONG
        return self.pattern % tuple(values)


def parse_template(text: str) -> Template | str:
    """The template, or what is wrong with it and the cure."""
    pattern, names, end = [], [], 0
    for piece in _PIECE.finditer(text):
        pattern.append(text[end : piece.start()].replace("%", "%%"))
        end = piece.end()
        if piece[0] in {"{{", "}}"}:
            pattern.append(piece[0][0])
        elif piece[1] is None:
            return (
                f"a brace stands alone in column {piece.start() + 1}: "
                f"write {piece[0] * 2} where a brace is meant"
            )
        elif name := piece[1].strip():
            pattern.append("%s")
            names.append(name)
        else:
            return (
                f"braces without a name in column {piece.start() + 1}: write the name of a column"
            )
    pattern.append(text[end:].replace("%", "%%"))
    return Template("".join(pattern), tuple(names))
