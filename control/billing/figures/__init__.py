"""Figures of billing for the staff."""
