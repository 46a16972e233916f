"""Spending limits, enforced while calls run."""
