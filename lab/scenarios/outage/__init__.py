"""Calls during an outage of the first choices of all roles."""
