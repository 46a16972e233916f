"""Requests to vendors by what a type declares."""
