"""Routing: the providers of a call and their order."""
