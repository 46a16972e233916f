"""Messages that callers leave with an agent: taken by a tool, stored, and sent by e-mail when the call is over."""
