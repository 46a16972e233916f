"""What each day adds to the bill."""
