"""A simulated or human caller: places one call, prints what both sides say, and reports the outcome."""
