"""Integration types, which staff define as data."""
