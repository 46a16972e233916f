"""Adapter for ElevenLabs' recognizers and voices."""
