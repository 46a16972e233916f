"""Calls that no media node has any longer."""
