"""Observers: what happened, as log lines and metrics."""
