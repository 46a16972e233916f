"""Prepares text for a voice: figures and addresses as words, and the agent's pronunciations."""
