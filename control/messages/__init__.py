"""Messages that callers leave with an agent. They are e-mailed when the call is over."""
