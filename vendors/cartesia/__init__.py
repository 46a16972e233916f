"""Adapter for Cartesia's recognizers and voices."""
