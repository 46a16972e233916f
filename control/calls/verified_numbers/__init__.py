"""Phone numbers that members verify with a spoken code."""
