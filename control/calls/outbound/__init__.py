"""Outbound calls: rules, limits and dialing."""
