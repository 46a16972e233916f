"""Deletion of one caller's data."""
