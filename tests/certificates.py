"""Certificates for tests of TLS, in files as an operator has them. Made anew for each run."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import NamedTuple

import trustme


class Pem(NamedTuple):
    """A certificate and its private key."""

    cert: Path
    key: Path


class Authority:
    """A CA. `file` holds its own certificate."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir()
        self._folder = folder
        self._count = 0
        self._ca = trustme.CA()
        self.file = folder / "ca.pem"
        self._ca.cert_pem.write_to_path(self.file)

    def issue(self, *names: str, not_after: datetime | None = None) -> Pem:
        """A certificate for these names or addresses."""
        self._count += 1
        issued = self._ca.issue_cert(*names, not_after=not_after)
        pem = Pem(self._folder / f"{self._count}.pem", self._folder / f"{self._count}.key")
        for number, blob in enumerate(issued.cert_chain_pems):
            blob.write_to_path(pem.cert, append=bool(number))
        issued.private_key_pem.write_to_path(pem.key)
        return pem
