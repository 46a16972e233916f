"""Providers: the catalogue, what media can make of it, and their sealed keys."""
