"""Alarms about unusual outbound calls."""
