"""A workspace's own provider settings and keys."""
