"""The ledger: where every message is, as a pure fold over the facts in the journal."""
