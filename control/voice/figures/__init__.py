"""Figures of providers, measured from calls and probes."""
