"""Calls that nobody holds any more."""
