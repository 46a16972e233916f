"""Turn-taking, clocked by received audio."""
