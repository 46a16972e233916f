"""One phone call."""
