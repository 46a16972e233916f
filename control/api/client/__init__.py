"""What customers' programs and the client portal call."""
