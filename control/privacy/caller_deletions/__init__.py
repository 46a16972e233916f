"""Deletion of one caller's data from a workspace."""
