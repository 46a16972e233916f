"""Requests to vendors, made from the declarations of a type."""
