"""Billing periods and their statements."""
