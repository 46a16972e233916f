"""Requests to vendors, made from a type's declarations."""
