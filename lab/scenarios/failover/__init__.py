"""Calls over simulated vendors that fail: a matrix of roles and faults."""
