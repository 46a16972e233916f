"""Scenarios, a file or folder each, which `python -m lab NAME` runs."""
