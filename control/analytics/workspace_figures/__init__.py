"""Figures of a workspace for its members."""
