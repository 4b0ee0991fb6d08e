"""What a handset's message asks for: to be left alone, to be written to again, or neither. Pure."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from enum import Enum
from typing import NamedTuple

_WORD = re.compile(r"\w+")
#: No wish needs more characters; what follows is not looked at.
_MOST_CHARACTERS = 1000


class Wish(Enum):
    """What somebody asks for."""

    STOP = "stop"
    START = "start"


class Said(NamedTuple):
    """What a text asks for, by which keyword as it is configured."""

    wish: Wish
    word: str


def plain_words(text: str) -> list[str]:
    """The words of a text without accents, case, punctuation and whatever cannot be seen."""
    parted = unicodedata.normalize("NFKD", text)
    letters = (
        char
        for char in parted
        if not unicodedata.combining(char) and unicodedata.category(char) != "Cf"
    )
    return _WORD.findall("".join(letters).casefold().replace("_", " "))


class Keywords:
    """The words that ask for something. `whole`: alone; else at the beginning of a message, too."""

    def __init__(self, stop: Iterable[str], start: Iterable[str], *, whole: bool = True) -> None:
        meant = ((Wish.STOP, stop), (Wish.START, start))
        self._wishes = [
            (plain_words(word), Said(wish, word)) for wish, words in meant for word in words
        ]
        self._whole = whole

    def __bool__(self) -> bool:
        return bool(self._wishes)

    def meaning(self, text: str) -> Said | None:
        """What a text asks for; None where it asks for nothing of the kind."""
        return self._find(text, whole=self._whole)

    def begins(self, text: str) -> Said | None:
        """What the beginning of a text asks for, of which more follows."""
        return None if self._whole else self._find(text, whole=False)

    def _find(self, text: str, *, whole: bool) -> Said | None:
        said = plain_words(text[:_MOST_CHARACTERS])
        for words, meant in self._wishes:
            if said[: len(words)] == words and (not whole or len(said) == len(words)):
                return meant
        return None
