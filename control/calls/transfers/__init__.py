"""Transfers of callers, blind and warm."""
