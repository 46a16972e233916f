"""Figures about providers, measured by calls and probes."""
