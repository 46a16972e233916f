"""Rehearsals: the whole platform as processes under load and failures, with a simulated phone network."""
