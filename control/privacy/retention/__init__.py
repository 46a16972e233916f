"""Retention: how long the contents of calls are kept."""
