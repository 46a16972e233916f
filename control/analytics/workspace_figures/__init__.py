"""Figures about one workspace, for its members."""
