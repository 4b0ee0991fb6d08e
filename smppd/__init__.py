"""smppd: an SMS sending daemon. A spool in, SMPP out, every message accounted for."""

__version__ = "0.1.0"
