"""What an operation of the provider's HTTP APIs is: the shape of the catalogue's entries.

Pure data. `catalogue` has the operations themselves, `checking` judges parameters by them,
`answers` reads what comes back.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from types import MappingProxyType
from typing import NamedTuple

#: A parameter as it is sent. The first API takes text alone, the second JSON with whole numbers.
Value = str | int


class Api(Enum):
    """Which of the two APIs an operation belongs to. Their accounts and credentials never meet."""

    PROVIDER = "http"
    CONTACTS = "contacts"


class Effect(Enum):
    """What a call does at the provider. Only what reads may be repeated without harm."""

    READS = "reads"
    CHANGES = "changes"
    SENDS = "sends"


class Kind(Enum):
    """What a parameter holds, so that it can be checked before anything is sent."""

    TEXT = "text"
    BODY = "text, of several lines if need be"
    ID = "id"
    IDS = "ids, separated by commas"
    DESTINATION = "phone number"
    DIAL_CODE = "country dialling code"
    COUNTRY = "country code of three letters"
    MOMENT = "yyyy-mm-dd hh:mm:ss"
    GROUP_TYPE = "mobile or email"
    FIELD = "field name"
    COLUMNS = "field names, separated by commas"
    PAIRS = "field:value pairs, separated by commas"
    CONTACTS = "JSON list of contacts"
    PLATFORM = "webchat, whatsapp, telegram or operator"
    FILE_TYPE = "image, video, audio, voice, document or contact"
    URL = "http or https URL"
    WHOLE = "whole number"


@dataclass(frozen=True, slots=True)
class Param:
    """One parameter, by the provider's name for it."""

    name: str
    about: str
    kind: Kind = Kind.TEXT
    required: bool = True
    example: str = ""


class Shape(Enum):
    """What `result` holds according to the documents. Whatever comes is passed on."""

    NONE = "nothing is documented"
    OBJECT = "an object"
    LIST = "a list of objects"


class Documented(NamedTuple):
    """The documented answer: its fields, and those of the objects in its `nested` list."""

    shape: Shape = Shape.NONE
    fields: tuple[str, ...] = ()
    nested: str = ""
    nested_fields: tuple[str, ...] = ()


NOTHING = Documented()


@dataclass(frozen=True, slots=True)
class Operation:
    """One operation. `errors` are the codes that it documents beside the common ones.

    `confirm`: it destroys more than its name says, and is only done with the word for it.
    """

    name: str
    title: str
    effect: Effect
    params: tuple[Param, ...] = ()
    answer: Documented = NOTHING
    errors: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    api: Api = Api.PROVIDER
    confirm: bool = False

    @property
    def class_(self) -> str:
        """The part of its name before the dot."""
        return self.name.partition(".")[0]

    @property
    def method(self) -> str:
        """The part of its name behind the dot."""
        return self.name.partition(".")[2]

    @property
    def harmless(self) -> bool:
        """Whether repeating it does no harm."""
        return self.effect is Effect.READS

    @property
    def alone(self) -> bool:
        """Whether its place among other calls matters: it changes something, or sends to whoever
        is in a group by then."""
        return self.effect is Effect.CHANGES or bool(self.answer.nested and not self.harmless)
