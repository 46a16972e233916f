"""Adapter for Soniox's recognizers and voices."""
