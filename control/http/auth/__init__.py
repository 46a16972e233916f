"""Authentication and authorization of requests: tokens, sessions, API keys."""
