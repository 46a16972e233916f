"""Calls over simulated vendors that fail: a matrix of roles and faults, and an outage of all first choices."""
