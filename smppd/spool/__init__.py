"""The spool: how messages are handed in, and where files come to rest."""
