"""Syncs: records of vendors are copied page by page."""
