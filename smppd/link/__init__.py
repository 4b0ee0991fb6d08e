"""SMPP links: sessions kept bound to an SMSC, over trio."""
