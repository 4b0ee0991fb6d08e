"""The journal: the truth about every message, on disk."""
