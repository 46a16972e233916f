"""Recordings of real telephone callers: import, list, and the families of calls that play them."""
