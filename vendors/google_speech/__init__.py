"""Adapter for Google Cloud's recognizers and voices."""
