"""Opt-out as a decision: who has asked for no more messages, and what in a text asks for it. Pure."""
