"""Turn-taking. Its clock is the received audio."""
