"""A file that is one message."""

from __future__ import annotations

from smppd.campaign import CampaignTerms
from smppd.ports import Line
from smppd.spool.chunks import BLOCK, BOM, EMPTY, Chunk, Octets, not_text
from smppd.spool.formats import Parse, parse_document, parse_smstools
from smppd.spool.quarantine import Unusable


class Document:
    """A `Source` of one message, in JSON."""

    def __init__(
        self,
        file: Octets,
        max_line: int,
        start: tuple[int, int],
        parse: Parse,
        terms: CampaignTerms | None,
    ) -> None:
        self._file = file
        self._max_line = max_line
        self._offset, self._line = start
        self._parse = parse
        self._terms = terms

    def close(self) -> None:
        """See `Source`."""
        self._file.close()

    def next_chunk(self) -> Chunk | Unusable:
        """See `Source`."""
        if self._offset:
            return Chunk([], self._offset, self._line, last=True)
        raw = self._read_all()
        if len(raw) > self._max_line:
            reason = f"is longer than one message may be ({self._max_line} octets)"
            return Unusable(reason, "hand many messages in as .jsonl, or raise max_line in [spool]")
        outcome = self._read(raw)
        if isinstance(outcome, Unusable):
            return outcome
        return Chunk([outcome], len(raw), 1, last=True, terms=self._terms)

    def _read(self, raw: bytes) -> Line | Unusable:
        problem = not_text(raw) or _holds_nothing(raw)
        return problem or parse_document(raw.removeprefix(BOM), self._parse)

    def _read_all(self) -> bytes:
        """All of it, or one octet more than allowed."""
        raw = b""
        while len(raw) <= self._max_line:
            block = self._file.read(min(self._max_line + 1 - len(raw), BLOCK // 2))
            if not block:
                break
            raw += block
        return raw


class SmstoolsDocument(Document):
    """A `Source` of one message, as smstools writes it."""

    def _read(self, raw: bytes) -> Line | Unusable:
        return _holds_nothing(raw) or parse_smstools(raw, self._parse)


def _holds_nothing(raw: bytes) -> Unusable | None:
    return None if raw.removeprefix(BOM).strip() else EMPTY
