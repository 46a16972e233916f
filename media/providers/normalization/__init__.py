"""Prepares text for a voice: converts figures and addresses to words, and applies the agent's pronunciations."""
