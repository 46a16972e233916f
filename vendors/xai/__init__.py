"""Adapter for xAI's recognizers. xAI's language models use vendor `openai`."""
