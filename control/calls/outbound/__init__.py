"""Calls that agents place: their rules, limits and dialling."""
