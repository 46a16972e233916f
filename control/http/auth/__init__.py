"""Who sends a request: tokens, sessions, API keys, and what they may do (`authorisation.py` decides it for both)."""
