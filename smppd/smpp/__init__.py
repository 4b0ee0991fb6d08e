"""SMPP 3.4, sans-I/O: bytes and the time in, events and bytes out."""
