"""xAI: recognizers. Its models are of vendor `openai`."""
