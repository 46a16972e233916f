"""Soniox: recognizers and voices."""
