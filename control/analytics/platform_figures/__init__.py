"""Figures of the whole platform, for the staff."""
