"""Fallback over a list of providers, for each port: the next one goes on where the failed one stopped."""
