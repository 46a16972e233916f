"""Integration types: described as data by the staff."""
