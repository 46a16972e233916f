"""Syncs, which copy a vendor's records page by page."""
