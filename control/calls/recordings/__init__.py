"""Recordings of calls, by media and by carriers."""
