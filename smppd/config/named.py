"""What the sections of links, accounts and outlets have in common: a name, and a secret that stands elsewhere.

Notes mistakes with the `Reading` it is given; raises nothing.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from smppd.config.mistakes import Reading

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,31}")
#: What a section is of, and what one might be called.
_KINDS = {
    "link": ("a link", "main"),
    "http": ("an account", "main"),
    "contacts": ("an account", "main"),
    "webhook": ("a webhook", "shop"),
    "hook": ("a hook", "shop"),
}


def named_sections(reading: Reading, kind: str, table: object) -> dict[str, dict[str, Any]]:
    """The sections `[kind.NAME]` of a document, by their names."""
    found = table if isinstance(table, dict) else {"": table}
    sections = {name: each for name, each in found.items() if isinstance(each, dict)}
    if len(sections) < len(found):
        reading.refuse(f"has keys outside {_KINDS[kind][0]}; {how_to_name(kind)}", kind)
    return sections


def how_to_name(kind: str) -> str:
    """How such a section is written."""
    return f"write [{kind}.NAME], such as [{kind}.{_KINDS[kind][1]}], and its keys below it"


def read_named(
    reading: Reading, key: tuple[str, str], table: Mapping[str, Any], secret: str
) -> dict[str, Any]:
    """The constructor's arguments that a section of its own name gives; `secret` is told of in
    `check_secret`."""
    kind, name = key
    if not _NAME.fullmatch(name) or name == "http":
        how = "use up to 32 letters, digits, - and _, and not http"
        reading.refuse(f"is no name for {_KINDS[kind][0]}; {how}", *key)
    own = {each: value for each, value in table.items() if each != secret}
    return reading.fields(kind, own, *key)


def check_secret(
    reading: Reading, table: Mapping[str, Any], key: Sequence[str], secret: str
) -> None:
    """A password or token is named by its file or its variable, and does not stand here."""
    file, variable = f"{secret}_file", f"{secret}_env"
    if secret in table:
        reading.refuse(
            f"a {secret} does not belong in this file; put it alone into another file and name"
            f" that with {file}, or into the environment and name it with {variable}",
            *(*key, secret),
        )
    elif file in table and variable in table:
        reading.refuse(f"stands beside {file}; keep one of the two", *key, variable)
    elif file not in table and variable not in table:
        reading.refuse(
            f'is missing; write {file} = "...", a file with nothing but the {secret},'
            f" or {variable}",
            *(*key, file),
        )
