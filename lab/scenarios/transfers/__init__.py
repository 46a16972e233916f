"""Warm transfers over both simulated carriers, checked on recordings."""
