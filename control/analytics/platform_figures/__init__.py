"""Figures about the whole platform, for staff."""
