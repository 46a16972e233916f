"""Adapter for Deepgram's recognizers and voices."""
