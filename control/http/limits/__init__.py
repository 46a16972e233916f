"""How many requests are served: rate limits, and limits of what runs at once."""
