"""Backups: what is in them, what is refused, and what a restored store does."""
