"""Who speaks, clocked by received audio."""
