"""Simulated carriers and callers: the carrier's end of a media stream, and a phone network above it."""
