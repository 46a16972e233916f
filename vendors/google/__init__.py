"""Adapter for Google's Gemini language models."""
