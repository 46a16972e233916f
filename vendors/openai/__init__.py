"""OpenAI and servers of its chat completions: language models."""
