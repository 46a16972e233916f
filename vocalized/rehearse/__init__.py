"""Rehearsals: the whole platform under load and failures, as real processes with a simulated phone network."""
