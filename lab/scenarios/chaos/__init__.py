"""Faults of every neighbor and of the machine, one after the other, under calls."""
