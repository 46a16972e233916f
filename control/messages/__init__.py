"""Messages that callers leave with an agent, e-mailed when the call is over."""
