"""The client API: called by customers' programs and the client portal."""
