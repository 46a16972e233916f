"""Deepgram: recognizers and voices."""
