"""Figures of one workspace, for its members."""
