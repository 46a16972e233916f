"""Carrier wire protocols as pure codecs."""
