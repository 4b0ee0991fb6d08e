"""A simulated SMSC for tests, demonstrations and load; the daemon never imports it."""
