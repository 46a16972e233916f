"""Vendor adapters: one folder per vendor, listed in `registry.py`."""
