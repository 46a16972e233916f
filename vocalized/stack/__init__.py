"""The platform on this machine as child processes, as `vocalized up` starts it."""
