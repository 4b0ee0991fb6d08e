"""A simulated SMSC and provider for tests, demonstrations and load; the daemon never imports them."""
