"""Recordings of real telephone callers, and the families of calls that play them."""
