"""Phone numbers that members verify by a call that speaks a code."""
