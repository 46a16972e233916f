"""A caller, simulated or human: places one call, prints both sides, and reports the outcome."""
