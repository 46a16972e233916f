"""Calls that no media node holds any longer."""
