"""Providers of speech and language: the catalogue, keys, routing and figures."""
