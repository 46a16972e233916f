"""Adapter for Azure's recognizers and voices."""
