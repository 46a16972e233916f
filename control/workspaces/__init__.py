"""Workspaces: who belongs to one and may do what, how people come in, and what the staff may do to it."""
