"""Figures about calls and usage, and the roll-ups from which they are read."""
