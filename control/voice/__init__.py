"""Providers of speech and language models: catalog, keys, routing and figures."""
