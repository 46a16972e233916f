"""Adapter for Anthropic's language models."""
