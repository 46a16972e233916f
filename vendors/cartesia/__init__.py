"""Cartesia: recognizers and voices."""
