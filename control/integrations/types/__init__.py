"""Integration types, which staff describe as data."""
