"""Traces: what passes on a link's sessions, in files that Wireshark reads."""
