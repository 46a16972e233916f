"""Providers of speech and language: the catalog, keys, routing and figures."""
