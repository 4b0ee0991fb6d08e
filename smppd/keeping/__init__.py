"""Keeping: what nobody needs any more goes, little by little, while messages are sent."""
