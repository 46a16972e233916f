"""Phone numbers that members verify by a code, which a call speaks."""
