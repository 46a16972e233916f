"""Figures about calls and usage, and the roll-ups that they are read from."""
