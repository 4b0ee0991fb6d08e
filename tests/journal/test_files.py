"""The journal's table of files: kept by the facts about them, and still there when accounts are closed."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from smppd.campaign import CampaignTerms, Canary
from smppd.journal.store import Batch, Store, open_store
from smppd.ledger.ledger import Ledger
from smppd.message import Lane


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    found = open_store(tmp_path / "j.db")
    yield found
    found.close()


@pytest.fixture
def ledger() -> Ledger:
    return Ledger()


def commit(store: Store, ledger: Ledger) -> None:
    store.commit(Batch(facts=ledger.take_facts()))


def test_a_file_is_found_by_its_campaign_after_it_was_reported(
    store: Store, ledger: Ledger
) -> None:
    file_id = ledger.file_opened(10.0, "t1", "a.jsonl", Lane.BULK)
    ledger.campaign(11.0, file_id, CampaignTerms("bill", once=True, canary=Canary(100)))
    commit(store, ledger)
    ledger.file_closed(12.0, file_id)
    ledger.file_reported(13.0, file_id, "/done/a.jsonl")
    commit(store, ledger)
    (row,) = store.files.of_campaign("bill", 0.0)
    assert (row.name, row.lane, row.opened, row.closed) == ("a.jsonl", Lane.BULK, 10.0, 12.0)
    assert (row.items, row.reported, row.placed) == (0, 13.0, "/done/a.jsonl")
    assert store.files.of_campaign("bill", 10.5) == []
    assert store.files.of_campaign("a.jsonl", 0.0) == []


def test_a_withdrawn_file_leaves_no_campaign(store: Store, ledger: Ledger) -> None:
    file_id = ledger.file_opened(10.0, "t1", "a.jsonl", Lane.BULK)
    ledger.campaign(11.0, file_id, CampaignTerms("bill"))
    commit(store, ledger)
    ledger.file_withdrawn(12.0, file_id)
    commit(store, ledger)
    assert store.files.of_campaign("bill", 0.0) == []


def test_terms_survive_the_crash(store: Store, ledger: Ledger) -> None:
    terms = CampaignTerms("bill", spread=60.0, canary=Canary(5, 0.2), layout=b"csv")
    file_id = ledger.file_opened(10.0, "t1", "a.jsonl", Lane.BULK)
    ledger.campaign(11.0, file_id, terms)
    commit(store, ledger)
    accounts, _ = store.load()
    assert accounts.files[file_id].terms == terms
    assert accounts.files[file_id].campaign == "bill"
