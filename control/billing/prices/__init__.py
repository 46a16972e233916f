"""Prices: what providers cost us, what tiers cost customers, and what currencies are worth."""
