"""Syncs, which copy vendors' records page by page."""
