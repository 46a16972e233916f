"""Special return values of handlers, and error responses."""
