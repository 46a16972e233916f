"""Recognizers, language models and voices behind three ports."""
