"""Adapter for the language models of OpenAI and of servers with compatible chat completions."""
