"""Calls without faults over simulated vendors: every recognizer with every voice."""
