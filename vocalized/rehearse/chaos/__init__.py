"""Faults of every neighbour and of the surroundings, one after the other, each under calls of its own."""
