"""Stand-ins with fixed texts and delays."""
