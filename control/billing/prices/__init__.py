"""Prices of tiers, costs of providers, and exchange rates."""
