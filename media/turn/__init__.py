"""Turn-taking: detects the caller's speech and decides who has the floor. Its clock is the received audio."""
