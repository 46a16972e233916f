"""A workspace's own settings and keys of providers."""
