"""Spending limits, kept while calls run."""
