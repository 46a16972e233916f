"""Measures what calls cost in the stores, for docs/run/scale.md."""
