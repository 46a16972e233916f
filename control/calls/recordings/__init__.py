"""Recordings of calls, made by media and by carriers."""
